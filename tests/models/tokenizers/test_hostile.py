"""Tokenizers that are damaged or hostile: two lines, whatever the library does with them."""

import json
import random
import shutil
from pathlib import Path
from typing import Any

import pytest

from attn_cli.cli.boundary import run
from attn_cli.errors import AttnError, DocumentError
from attn_cli.models.tokenizers.opening import open_tokenizer

tokenizers = pytest.importorskip("tokenizers")
ROOT = Path(__file__).parents[3]
SAMPLE, CASES = ROOT / "samples" / "known-heads", Path(__file__).parents[1] / "cases" / "hostile"
TEXT = "the cat aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(SAMPLE, tmp_path / "model"))


def two_lines(folder: Path, capfd: pytest.CaptureFixture[str], text: str = TEXT) -> str:
    code = run(["heatmap", "-m", str(folder), text])
    output = capfd.readouterr()
    assert (code, output.out, len(output.err.splitlines())) == (1, "", 2)
    return output.err


WORDS = {
    "tokenizer-regex": "retry-limit-in-match",
    "tokenizer-charsmap": "Cannot parse precompiled_charsmap",
    "tokenizer-template": "gives 5 ids and 6 tokens",
}


@pytest.mark.parametrize("case", WORDS)
def test_what_the_library_panics_at_is_two_lines(case: str, folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    shutil.copy(CASES / f"{case}.json", folder / "tokenizer.json")
    assert WORDS[case] in two_lines(folder, capfd)
    assert run(["model", str(folder)]) == 0  # --ids still run it
    assert run(["heatmap", "-m", str(folder), "--ids", "1,2,3"]) == 0


@pytest.fixture
def older(folder: Path) -> Path:
    """The sample with a vocabulary and merges in place of tokenizer.json."""
    (folder / "tokenizer.json").unlink()
    (folder / "tokenizer_config.json").unlink()
    (folder / "vocab.json").write_text('{"<s>": 0, "a": 1, "b": 2, "ab": 3}')
    (folder / "merges.txt").write_text("#version: 0.2\na b\n")
    return folder


OLDER = {
    "merges that are none": (
        "merges.txt",
        (CASES / "merges-damaged.txt").read_text(),
        "vocab.json: is not a tokenizer",
    ),
    "added tokens that are a word": (
        "tokenizer_config.json",
        (CASES / "tokenizer_config-added.json").read_text(),
        "added_tokens_decoder: expected an object, found 'x'",
    ),
    "added tokens without a number": ("added_tokens.json", '{"<x>": "one"}', "<x>: expected a whole number"),
    "a vocabulary of words": ("vocab.json", '{"a": "b"}', "vocab.json: is not a tokenizer that can be read"),
    "a vocabulary that is a list": ("vocab.json", "[1, 2]", "vocab.json: is not a tokenizer that can be read"),
    "numbers that are none": ("vocab.json", '{"<s>": -1, "a": 99999999999}', "vocab.json: is not a tokenizer"),
    "a class that is a number": ("tokenizer_config.json", '{"tokenizer_class": 3, "bos_token": 5}', ""),
}


@pytest.mark.parametrize("what", OLDER)
def test_damaged_older_files_are_two_lines(what: str, older: Path, capfd: pytest.CaptureFixture[str]) -> None:
    file, content, words = OLDER[what]
    if file == "merges.txt":
        content = "#version: 0.2\nonlyone\n"
    (older / file).write_text(content)
    code = run(["heatmap", "-m", str(older), "a"])
    errors = capfd.readouterr().err
    assert (code, len(errors.splitlines())) in ((1, 2), (0, 0))
    assert words in errors
    assert code == 1 or not words


def doubling(times: int) -> dict[str, Any]:
    return {
        "type": "Sequence",
        "normalizers": [{"type": "Replace", "pattern": {"String": "a"}, "content": "aa"}] * times,
    }


def test_a_tokenizer_that_would_fill_the_memory_is_refused(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    described = json.loads((folder / "tokenizer.json").read_text())
    for times, refused in ((3, False), (40, True)):
        (folder / "tokenizer.json").write_text(json.dumps(described | {"normalizer": doubling(times)}))
        tokenizer = open_tokenizer(str(folder))
        assert tokenizer.growth == 2.0**times
        if refused:
            assert "characters of this text" in two_lines(folder, capfd)
        else:
            assert tokenizer.encode("a a").raw == ("<s>", "<unk>", "<unk>")


def test_what_repeats_a_text_counts_as_growth(folder: Path) -> None:
    described = json.loads((folder / "tokenizer.json").read_text())
    described["normalizer"] = {"type": "Replace", "pattern": {"Regex": "x*"}, "content": "yy"}
    described["post_processor"]["single"] = [{"Sequence": {"id": "A", "type_id": 0}}] * 5
    (folder / "tokenizer.json").write_text(json.dumps(described))
    assert open_tokenizer(str(folder)).growth == 3 * 5


def test_merges_that_are_left_out_at_random_are_not(tmp_path: Path) -> None:
    model = tokenizers.models.BPE({"a": 0, "b": 1, "ab": 2}, [("a", "b")], dropout=0.5)
    tokenizers.Tokenizer(model).save(str(tmp_path / "tokenizer.json"))
    tokenizer = open_tokenizer(str(tmp_path))
    assert {tokenizer.encode("abab" * 5).raw for _ in range(20)} == {("ab",) * 10}


def test_a_pointer_of_git_lfs_is_called_so(folder: Path) -> None:
    shutil.copy(CASES.parent / "lfs-weights" / "model.safetensors", folder / "tokenizer.json")
    with pytest.raises(DocumentError, match=r"tokenizer\.json: is a Git LFS pointer"):
        open_tokenizer(str(folder))


def older_of(place: Path, kind: str) -> Path:
    """A folder with files of one older kind alone."""
    place.mkdir()
    if kind == "word pieces":
        (place / "vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "##b"]))
    else:
        (place / "vocab.json").write_text('{"<s>": 0, "</s>": 1, "a": 2, "b": 3, "ab": 4, "<x>": 5}')
        (place / "merges.txt").write_text("#version: 0.2\na b\n")
    decoder = {"5": {"content": "<x>", "special": True}} if kind != "word pieces" else {}
    (place / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "X", "do_lower_case": True, "added_tokens_decoder": decoder, "bos_token": "<s>"})
    )
    (place / "special_tokens_map.json").write_text('{"eos_token": {"content": "</s>"}, "unk_token": "[UNK]"}')
    return place


VALUES: list[Any] = [
    None,
    0,
    -1,
    2**40,
    0.5,
    "",
    "x",
    "\ud800",
    True,
    [],
    ["a"],
    {},
    {"content": 3},
    {"content": "<s>"},
]


def values_changed(draw: random.Random, data: bytes) -> bytes:
    """A value of a JSON object by one of another kind; other files lose or gain a byte."""
    try:
        document = json.loads(data)
    except ValueError:
        return bytes_changed(draw, data)
    document[draw.choice([*document, "added_tokens_decoder", "pad_token"])] = draw.choice(VALUES)
    return json.dumps(document).encode()


def bytes_changed(draw: random.Random, data: bytes) -> bytes:
    changed = bytearray(data)
    for _ in range(draw.choice((1, 2, 5))):
        changed[draw.randrange(len(changed))] = draw.randrange(256)
    return bytes(changed[: draw.randrange(len(changed))] if draw.random() < 0.2 else changed)


@pytest.mark.parametrize("kind", ["word pieces", "byte pairs", "tokenizer.json"])
@pytest.mark.parametrize("change", [bytes_changed, values_changed])
def test_no_damage_raises_anything_else(kind: str, change: Any, tmp_path: Path) -> None:
    place = tmp_path / "model"
    if kind == "tokenizer.json":
        place.mkdir()
        shutil.copy(SAMPLE / "tokenizer.json", place)
    else:
        older_of(place, kind)
    draw, opened = random.Random(f"{kind} {change.__name__}"), 0
    kept = {path: path.read_bytes() for path in place.iterdir()}
    for _ in range(150):
        path = draw.choice(sorted(kept))
        path.write_bytes(change(draw, kept[path]))
        try:
            tokenizer = open_tokenizer(str(place))
            tokenizer.encode("a ab the cat é")
            tokenizer.named([0, 1, 5, 2**20])
            opened += 1
        except AttnError:
            pass
        path.write_bytes(kept[path])
    assert 0 < opened < 150
