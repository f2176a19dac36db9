"""Files that are cut short while they are read: an error in two lines, not a signal that ends the process."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from attn_cli.cli.boundary import run
from attn_cli.errors import DocumentError
from attn_cli.models import opened
from attn_cli.models.model import Model, open_model

SAMPLE = Path(__file__).parents[3] / "samples" / "known-heads"


def safetensors(place: Path) -> tuple[Path, Path]:
    """A model's name, and the file of its weights."""
    folder = Path(shutil.copytree(SAMPLE, place / "model"))
    return folder, folder / "model.safetensors"


def gguf(place: Path) -> tuple[Path, Path]:
    pytest.importorskip("gguf")
    from tests.models.converting import convert  # needs the package
    from tests.models.gguf.test_gguf import folder_of

    file = convert(folder_of("llama", place), place / "model.gguf")
    return file, file


Made = Callable[[Path], tuple[Path, Path]]


@pytest.mark.parametrize("made", [safetensors, gguf])
@pytest.mark.parametrize("left", [0, 100, 5000])
def test_between_opening_and_reading(
    made: Made, left: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    name, file = made(tmp_path)

    def open_request(model: str, ignored: tuple[str, ...]) -> Model:
        opened = open_model(model, ignored)
        os.truncate(file, left)
        return opened

    monkeypatch.setattr(opened, "open_model", open_request)
    code = run(["heatmap", "-m", str(name), "--ids", "3,5,4"])
    output = capsysbinary.readouterr()
    assert (code, output.out, len(output.err.splitlines())) == (1, b"", 2)
    assert b": breaks off in " in output.err


@pytest.mark.parametrize("made", [safetensors, gguf])
def test_between_one_layer_and_the_next(made: Made, tmp_path: Path) -> None:
    name, file = made(tmp_path)
    model = open_model(str(name))
    stream = model.stream([3, 5, 4], ["a", "b", "c"], {"weights"})
    next(stream)
    os.truncate(file, 5000)
    with pytest.raises(DocumentError, match="breaks off in"):
        next(stream)


@pytest.mark.parametrize("made", [safetensors, gguf])
def test_rows_that_a_tensor_has_not_are_never_read(made: Made, tmp_path: Path) -> None:
    model = open_model(str(made(tmp_path)[0]))
    (name,) = (name for name in model.tensors.tensors if name.endswith(("wte.weight", "embed_tokens.weight")))
    count = model.tensors.tensors[name].shape[0]
    for row in (count, -1):
        with pytest.raises(DocumentError, match=f"{name} has {count} rows"):
            model.tensors.read(name, name, rows=np.array([0, row]))
