"""GGUF files that are split into parts."""

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from attn_cli.cli.boundary import run
from attn_cli.models.describe import describe
from attn_cli.models.model import open_model
from attn_cli.models.tokenizers.opening import open_tokenizer

gguf = pytest.importorskip("gguf")
from tests.models.converting import convert, split  # noqa: E402
from tests.models.gguf.test_gguf import folder_of, streamed  # noqa: E402

TOKENS: dict[str, Any] = {"tokenizer.ggml.model": "llama", "tokenizer.ggml.tokens": ["<unk>", "▁", "a", "b"]}
TOKENS |= {"tokenizer.ggml.scores": [0.0, -1.0, -2.0, -3.0], "tokenizer.ggml.add_bos_token": False}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return folder_of("llama", tmp_path_factory.mktemp("folder"))


@pytest.mark.parametrize("named", range(3))
def test_whichever_part_is_named_all_are_opened(named: int, folder: Path, tmp_path: Path) -> None:
    parts = split(folder, tmp_path, 3, {0: TOKENS})
    whole = convert(folder, tmp_path / "whole.gguf")
    layers = [list(streamed(open_model(str(file)), [2, 3, 2], {"weights"})) for file in (whole, parts[named])]
    for one, other in zip(*layers, strict=True):
        np.testing.assert_array_equal(other["weights"], one["weights"])
    assert describe(str(parts[named])).parameters == describe(str(whole)).parameters


def test_the_tokenizer_of_the_first_part_is_that_of_all(folder: Path, tmp_path: Path) -> None:
    parts = split(folder, tmp_path, 2, {0: TOKENS})
    assert open_tokenizer(str(parts[1])).encode("a b").raw == ("▁", "a", "▁", "b")


def without(number: int) -> Callable[[list[Path]], None]:
    return lambda parts: parts[number].unlink()


def renamed(parts: list[Path]) -> None:
    parts[1].rename(parts[1].parent / "kept.gguf")
    shutil.copy(parts[2], parts[1])


def cut(parts: list[Path]) -> None:
    parts[2].write_bytes(parts[2].read_bytes()[:-100])


def nothing(parts: list[Path]) -> None: ...


Changes = Mapping[int, Mapping[str, Any]]
DAMAGE: dict[str, tuple[Changes, Callable[[list[Path]], None], str]] = {
    "the first is missing": ({}, without(0), "model-00001-of-00003.gguf: no such file, and it is one of 3 shards"),
    "another is missing": ({}, without(1), "model-00002-of-00003.gguf: no such file, and it is one of 3 shards"),
    "one is there twice": ({}, renamed, "model-00002-of-00003.gguf: split.no is 2, and its name says 1"),
    "one is of more shards": ({1: {"split.count": 4}}, nothing, "split.count is 4, and 3 in the first shard"),
    "one is no shard": (
        {1: {"split.no": None, "split.count": None, "split.tensors.count": None}},
        nothing,
        "model-00002-of-00003.gguf: split.no is missing",
    ),
    "one is of a model of another size": ({1: {"split.tensors.count": 5}}, nothing, "split.tensors.count is 5, and"),
    "one is of another architecture": ({1: {"general.architecture": "qwen2"}}, nothing, "is qwen2, and llama in"),
    "all say another sum": (
        {number: {"split.tensors.count": 77} for number in range(3)},
        nothing,
        "tensors, and say that they are 77",
    ),
    "one is cut short": ({}, cut, "model-00003-of-00003.gguf: breaks off in"),
    "a word for a count": (
        {number: {"split.count": "three"} for number in range(3)},
        nothing,
        "is one of three shards",
    ),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_shards_that_lack_or_contradict_each_other_are_refused_in_two_lines(
    damage: str, folder: Path, tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    changes, do, message = DAMAGE[damage]
    parts = split(folder, tmp_path, 3, changes)
    do(parts)
    code = run(["heatmap", "-m", str(parts[2]), "--ids", "2,3"])
    output = capsysbinary.readouterr()
    assert (code, output.out, len(output.err.splitlines())) == (1, b"", 2)
    assert message in output.err.decode()


def test_a_part_with_another_name_is_refused(
    folder: Path, tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    split(folder, tmp_path, 2)[0].rename(tmp_path / "model.gguf")
    assert run(["model", str(tmp_path / "model.gguf")]) == 1
    assert "is one of 2 shards of a model, which its name does not say" in capsysbinary.readouterr().err.decode()
