"""Checkpoint folders that are incomplete, damaged, hostile or not understood."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from attn_cli.errors import DocumentError
from attn_cli.models import families as families_package
from attn_cli.models.describe import describe
from attn_cli.models.families import FAMILIES, FILES, families, family_of
from attn_cli.models.files.opening import open_folder
from attn_cli.models.model import open_model

SAMPLE = Path(__file__).parents[2] / "samples" / "known-heads"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(SAMPLE, tmp_path / "model"))


def config(folder: Path, **changes: object) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def cut(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1000])


def no_weights(folder: Path) -> None:
    (folder / "model.safetensors").unlink()


def pickled(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


def index(shard: str) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"wte.weight": shard}}))

    return write


def renamed(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes().replace(b'"h.0.ln_2.bias"', b'"h.0.ln_9.bias"'))


DAMAGE = {
    "no config": (lambda folder: (folder / "config.json").unlink(), "config.json: cannot be read"),
    "a config that is no JSON": (lambda folder: (folder / "config.json").write_text("{"), "config.json"),
    "no weights": (no_weights, "holds no model.safetensors"),
    "a pickle that is none": (pickled, "is not a file that torch.save() wrote"),
    "a truncated file": (cut, "breaks off in"),
    "a missing shard": (index("model-2.safetensors"), "no such file"),
    "a shard outside": (index("../model.safetensors"), "not a file of the folder"),
    "a tensor nobody knows": (renamed, "h.0.ln_9.bias is not understood"),
    "an unknown family": (lambda folder: config(folder, model_type="gpt3"), "'gpt3' is not one that attn computes"),
    "an unknown key": (lambda folder: config(folder, attention_twist=3), "attention_twist is not understood"),
    "a key with another meaning": (lambda folder: config(folder, add_cross_attention=True), "add_cross_attention"),
    "a word for a number": (lambda folder: config(folder, n_head="four"), "n_head"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_or_unknown_checkpoint_is_refused_by_name(damage: str, folder: Path) -> None:
    do, message = DAMAGE[damage]
    do(folder)
    with pytest.raises(DocumentError) as caught:
        open_model(str(folder))
    assert message in caught.value.message
    assert caught.value.hint


def test_shapes_that_contradict_the_config_are_refused(folder: Path) -> None:
    config(folder, n_embd=96)
    with pytest.raises(DocumentError, match=r"config\.json says|contradict|takes vectors"):
        next(open_model(str(folder)).stream([1, 2], ["a", "b"], {"weights"}))


def test_a_description_says_why_a_checkpoint_is_refused(folder: Path) -> None:
    assert describe(str(folder)).layers[0].heads == 4
    config(folder, model_type="mamba")
    found = describe(str(folder))
    assert found.model_type == "mamba"
    assert found.refused is not None
    assert "mamba" in found.refused


def test_every_file_of_families_is_listed_once_in_order_and_every_model_type_leads_to_one() -> None:
    names = sorted(path.stem for path in Path(families_package.__file__).parent.glob("[!_]*.py"))
    assert list(FILES) == names
    assert [kind for kinds in FILES.values() for kind in kinds] == list(FAMILIES)  # none of them twice
    assert all(list(kinds) == sorted(kinds, key=str.lower) for kinds in FILES.values())
    assert {id(family_of(kind)) for kind in FAMILIES} == {id(family) for family in families()}


def test_only_the_layers_that_are_asked_for_are_read(folder: Path) -> None:
    model = open_model(str(folder))
    read: list[str] = []
    original = model.tensors._load
    model.tensors._load = lambda name, *more, **named: (read.append(name), original(name, *more, **named))[1]  # type: ignore[method-assign]
    stream = model.stream([1, 2, 3], ["a", "b", "c"], {"weights"})
    next(stream)
    assert any(name.startswith("h.0.attn") for name in read)
    assert not any(name.startswith(("h.0.mlp", "h.1.", "ln_f")) for name in read)


def test_tensors_are_read_in_every_dtype_to_the_same_float32(tmp_path: Path) -> None:
    numbers = np.array([[1.5, -2.25, 0.0], [3.0, -0.5, 8.0]])
    stored = {
        "F64": numbers.astype("<f8"),
        "F32": numbers.astype("<f4"),
        "F16": numbers.astype("<f2"),
        "BF16": (numbers.astype("<f4").view("<u4") >> 16).astype("<u2"),
    }
    for dtype, array in stored.items():
        blob = array.tobytes()
        header = json.dumps({"a": {"dtype": dtype, "shape": [2, 3], "data_offsets": [0, len(blob)]}}).encode()
        (tmp_path / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + blob)
        tensors = open_folder(str(tmp_path))
        np.testing.assert_array_equal(tensors.read("a", "a"), numbers)
        np.testing.assert_array_equal(tensors.read("a", "a", rows=np.array([1, 1, 0])), numbers[[1, 1, 0]])
        assert tensors.read("a", "a").dtype == np.float32


def widened(folder: Path, tensor: str) -> None:
    """The sample with one tensor a column wider (or one number longer) than the others expect."""
    path = folder / "model.safetensors"
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header, body = json.loads(data[8 : 8 + length]), data[8 + length :]
    blobs, start = [], 0
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        begin, end = entry["data_offsets"]
        array = np.frombuffer(body[begin:end], "<f2").reshape(entry["shape"])
        if name == tensor:
            array = np.concatenate([array, array[..., :1]], axis=-1)
        entry |= {"shape": list(array.shape), "data_offsets": [start, start + array.nbytes]}
        blobs.append(array.tobytes())
        start += array.nbytes
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + b"".join(blobs))


@pytest.mark.parametrize(
    "tensor",
    [
        "wpe.weight",
        "wte.weight",
        "h.0.ln_1.weight",
        "h.0.ln_1.bias",
        "h.0.attn.c_attn.weight",
        "h.0.attn.c_attn.bias",
        "h.0.attn.c_proj.weight",
        "h.0.attn.c_proj.bias",
        "h.0.mlp.c_fc.weight",
        "h.0.mlp.c_fc.bias",
        "h.0.mlp.c_proj.weight",
        "h.0.mlp.c_proj.bias",
        "ln_f.weight",
    ],
)
def test_a_tensor_of_another_shape_is_refused_by_name(tensor: str, folder: Path) -> None:
    widened(folder, tensor)
    with pytest.raises(DocumentError) as caught:
        for _ in open_model(str(folder)).stream([1, 2, 3], ["a", "b", "c"], {"weights"}):
            pass
    # A wider table of words is noticed where the places do not fit it.
    module = tensor.rpartition(".")[0].replace("wte", "wpe")
    assert module in caught.value.message or "config.json" in caught.value.message


def test_a_state_space_model_is_refused_with_a_sentence(folder: Path) -> None:
    config(folder, model_type="mamba")
    with pytest.raises(DocumentError, match="has no attention: all its layers are recurrent"):
        open_model(str(folder))
