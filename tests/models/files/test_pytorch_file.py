"""pytorch_model.bin: its tensors come out as torch gives them, and nothing that it names is ever run."""

import json
import os
import pickle
import random
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest

from attn_cli.errors import DocumentError
from attn_cli.models.files.opening import open_folder
from attn_cli.models.files.pytorch_file import tensors_of_pytorch
from attn_cli.models.files.tensors import Tensors
from attn_cli.models.model import open_model
from tests.models.files.pytorch_zip import dictionary, name, run, tensor, text, whole, write

CASES = Path(__file__).parents[1] / "cases"
KINDS = CASES / "pytorch-kinds"
ARRAY = np.arange(6, dtype="<f4").reshape(2, 3)


def test_every_kind_of_tensor_is_that_of_torch() -> None:
    tensors = open_folder(str(KINDS))
    with np.load(KINDS / "expected.npz") as expected:
        for key in expected.files:
            np.testing.assert_array_equal(tensors.read(key, key), expected[key], err_msg=key)
            if expected[key].ndim == 2 and len(expected[key]):
                rows = np.array([len(expected[key]) - 1, 0, 0])
                np.testing.assert_array_equal(tensors.read(key, key, rows=rows), expected[key][rows], err_msg=key)
                np.testing.assert_array_equal(tensors.transposed(key, key), expected[key].T, err_msg=key)
    with pytest.raises(DocumentError, match="integers is stored as I64"):
        tensors.read("integers", "integers")


def test_shards_are_found_by_their_index(tmp_path: Path) -> None:
    whole_folder = CASES / "pytorch-bin"
    shutil.copy(whole_folder / "config.json", tmp_path)
    tensors = open_folder(str(whole_folder))
    names = sorted(tensors.tensors)
    shards = {"a.bin": names[::2], "b.bin": names[1::2]}
    for file, keys in shards.items():
        arrays = {key: np.ascontiguousarray(tensors.read(key, key), "<f4").copy() for key in keys}
        entries = {key: tensor(str(number), array) for number, (key, array) in enumerate(arrays.items())}
        storages = {str(number): array.tobytes() for number, array in enumerate(arrays.values())}
        write(tmp_path / file, dictionary(entries), storages)
    places = {key: file for file, keys in shards.items() for key in keys}
    (tmp_path / "pytorch_model.bin.index.json").write_text(json.dumps({"weight_map": places}))
    same = open_model(str(tmp_path)).tensors
    for key in names:
        np.testing.assert_array_equal(same.read(key, key), tensors.read(key, key))


def test_safetensors_come_before_it(tmp_path: Path) -> None:
    shutil.copy(KINDS / "pytorch_model.bin", tmp_path)
    header = b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
    (tmp_path / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + b"\0\0\0\0")
    assert list(open_folder(str(tmp_path)).tensors) == ["a"]


class Command:
    """What a pickle may hold in place of a number: a call of anything."""

    def __reduce__(self) -> tuple[object, ...]:
        return os.system, ("echo this must never run > ran",)


HOSTILE = {
    "a call of the system": (pickle.dumps({"a": Command()}, 2), "names 'posix.system'"),
    "the same in a newer form": (pickle.dumps({"a": Command()}, 5), "names 'posix.system'"),
    "a call of eval": (dictionary({"a": name("builtins", "eval") + run(text("1")) + b"R"}), "names 'builtins.eval'"),
    "a name of torch": (dictionary({"a": name("torch.hub", "load")}), "names 'torch.hub.load'"),
    "a name in parts": (b"\x80\x04" + text("os") + text("system") + b"\x93.", "names 'os.system'"),
    "a class made by attributes": (b"\x80\x02" + name("torch", "FloatStorage") + b")\x81.", "instruction NEWOBJ"),
    "a call of a storage's class": (dictionary({"a": name("torch", "FloatStorage") + b")R"}), "is called that only"),
    "a call of a number": (dictionary({"a": whole(3) + b")R"}), "is called that is not a name"),
    "bytes of any length": (b"\x80\x05\x96" + (2**62).to_bytes(8, "little") + b".", "is not a dictionary"),
    "nothing": (b"", "is not a dictionary"),
    "no tensors": (dictionary({"a": whole(3)}), "holds no tensors"),
    "a tensor past its storage": (dictionary({"a": tensor("0", ARRAY, shape=(3, 3))}), "reaches past its storage"),
    "a tensor after its storage": (dictionary({"a": tensor("0", ARRAY, offset=1)}), "reaches past its storage"),
    "a negative offset": (dictionary({"a": tensor("0", ARRAY, offset=-1)}), "sizes that none can have"),
    "a storage that is not there": (dictionary({"a": tensor("9", ARRAY)}), "lacks data/9"),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_what_is_no_tensor_is_refused_by_name(what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    data, message = HOSTILE[what]
    write(tmp_path / "pytorch_model.bin", data, {"0": ARRAY.tobytes()})
    with pytest.raises(DocumentError) as caught:
        open_folder(str(tmp_path))
    assert message in caught.value.message
    assert os.listdir(tmp_path) == ["pytorch_model.bin"]


def test_numbers_and_words_beside_the_tensors_are_left_out(tmp_path: Path) -> None:
    entries = {"epoch": whole(3), "note": text("x"), "a": tensor("0", ARRAY)}
    nested = b"\x80\x02}(" + text("state_dict") + dictionary(entries)[2:-1] + text("lr") + whole(1) + b"u."
    for data in (dictionary(entries), nested):
        write(tmp_path / "pytorch_model.bin", data, {"0": ARRAY.tobytes()}, byteorder=b"little")
        np.testing.assert_array_equal(open_folder(str(tmp_path)).read("a", "a"), ARRAY)


def of_case(tmp_path: Path, content: bytes) -> DocumentError:
    path = tmp_path / "pytorch_model.bin"
    path.write_bytes(content)
    with pytest.raises(DocumentError) as caught:
        tensors_of_pytorch(str(path))
    return caught.value


def test_the_form_before_zips_is_refused_with_words(tmp_path: Path) -> None:
    error = of_case(tmp_path, (KINDS / "legacy.bin").read_bytes())
    assert "from before version 1.6" in error.message
    assert "save it again" in error.hint


def test_files_that_are_none_or_break_off_are_refused(tmp_path: Path) -> None:
    whole_file = (KINDS / "pytorch_model.bin").read_bytes()
    assert "breaks off" in of_case(tmp_path, whole_file[:3000]).message
    assert "is not a file that torch.save() wrote" in of_case(tmp_path, b"hello").message
    assert "Git LFS pointer" in of_case(tmp_path, (CASES / "lfs-weights" / "model.safetensors").read_bytes()).message


def test_zips_of_another_kind_are_refused(tmp_path: Path) -> None:
    path, data = tmp_path / "pytorch_model.bin", dictionary({"a": tensor("0", ARRAY)})
    for more, message in (
        ({"compression": zipfile.ZIP_DEFLATED}, "is compressed"),
        ({"byteorder": b"big"}, "big-endian"),
    ):
        write(path, data, {"0": ARRAY.tobytes()}, **more)  # type: ignore[arg-type]
        with pytest.raises(DocumentError, match=message):
            tensors_of_pytorch(str(path))
    write(path, data, {"0": ARRAY.tobytes()[:-4]})
    with pytest.raises(DocumentError, match="a reaches past its 20 bytes"):
        tensors_of_pytorch(str(path))
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/readme", "")
    with pytest.raises(DocumentError, match=r"holds no data\.pkl"):
        tensors_of_pytorch(str(path))


def test_no_damage_raises_anything_else(tmp_path: Path) -> None:
    draw, whole_file = random.Random("pytorch"), (KINDS / "pytorch_model.bin").read_bytes()
    path, read = tmp_path / "pytorch_model.bin", 0
    for _ in range(300):
        data = bytearray(whole_file)
        for _ in range(draw.choice((1, 1, 3))):
            data[draw.randrange(len(data))] = draw.randrange(256)
        path.write_bytes(data if draw.random() < 0.8 else data[: draw.randrange(len(data))])
        try:
            tensors = Tensors(tensors_of_pytorch(str(path)))
            for key in tensors.tensors:
                tensors.read(key, key)
        except DocumentError:
            continue
        read += 1
    assert read < 300
