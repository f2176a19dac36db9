"""Matrices that are stored in × out: transposed as they are read, and kept so where they are read often."""

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from attn_cli.models.files import tensors as module
from attn_cli.models.files.opening import open_folder
from attn_cli.models.files.tensors import OFTEN, Tensors, transpose

MATRIX = np.arange(130 * 70, dtype=np.float32).reshape(130, 70)


@pytest.fixture(params=[np.float32, np.float16], ids=["as they stand", "widened"])
def tensors(request: pytest.FixtureRequest, tmp_path: Path) -> Tensors:
    matrix = MATRIX.astype(request.param)
    save_file({"a": matrix, "b": matrix + 1, "bias": matrix[0]}, tmp_path / "model.safetensors")
    return open_folder(str(tmp_path))


def test_it_is_transposed_however_often_it_is_read(tensors: Tensors) -> None:
    truth = MATRIX.astype(np.float16).T if tensors.tensors["a"].dtype == "F16" else MATRIX.T
    read = [tensors.transposed("a", "slot") for _ in range(OFTEN + 2)]
    assert [array.flags.c_contiguous for array in read] == [False] * (OFTEN - 1) + [True] * 3
    assert read[-1] is read[-2]
    tensors.read("b", "slot")  # what is kept is not in the buffer that others of the slot use
    np.testing.assert_array_equal(read[-1], truth)
    np.testing.assert_array_equal(tensors.transposed("bias", "bias"), truth[:, 0])


def test_no_more_is_kept_than_there_is_room_for(tensors: Tensors, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KEPT", MATRIX.nbytes)
    for name, kept in (("a", True), ("b", False)):
        array = [tensors.transposed(name, "slot") for _ in range(OFTEN + 1)][-1]
        assert array.flags.c_contiguous is kept


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (1, 1), (31, 200), (100, 129), (5000, 3)])
def test_a_matrix_is_transposed_however_it_is_cut(shape: tuple[int, int]) -> None:
    x = np.arange(shape[0] * shape[1], dtype=np.float32).reshape(shape)
    out = np.full(shape[::-1], -1, np.float32)
    transpose(x, out)
    np.testing.assert_array_equal(out, x.T)
