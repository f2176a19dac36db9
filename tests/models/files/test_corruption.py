"""Checkpoints with changes drawn at random: whatever is in a file, a run ends with a picture or with two lines."""

import copy
import json
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from attn_cli.cli.boundary import run
from tests.parity.models.weights import write_folder

gguf = pytest.importorskip("gguf")
pytest.importorskip("tokenizers")
from tests.models.converting import convert, split  # noqa: E402
from tests.models.gguf.test_gguf import CASES, FIGURES, folder_of  # noqa: E402

SAMPLE = Path(__file__).parents[3] / "samples" / "known-heads"
TOKENS: dict[str, Any] = {
    "tokenizer.ggml.model": "llama",
    "tokenizer.ggml.tokens": ["<unk>", "<s>", "▁", *"theca", *(f"<{number}>" for number in range(93))],
    "tokenizer.ggml.scores": [-float(number) for number in range(101)],
    "tokenizer.ggml.token_type": [2, 3, *[1] * 99],
    "tokenizer.ggml.bos_token_id": 1,
}
COMMANDS = (
    ["heatmap", "the cat"],
    ["explain", "the cat", "--layer", "1", "--head", "0"],
    ["heatmap", "--ids", "3,4,5"],
)
TIMES = 60


def one_file(place: Path) -> Path:
    return Path(shutil.copytree(SAMPLE, place / "model"))


def shards(place: Path) -> Path:
    with np.load(FIGURES / "llama-tied.npz") as stored:
        said = json.loads(str(stored["case"]))
    write_folder(place / "model", CASES["llama-tied"], said["config"], said["shapes"])
    shutil.copy(SAMPLE / "tokenizer.json", place / "model")
    return place / "model"


def gguf_file(place: Path) -> Path:
    return convert(folder_of("llama", place), place / "model.gguf", more=TOKENS)


def gguf_mixture(place: Path) -> Path:
    return convert(folder_of("mixtral", place), place / "model.gguf", more=TOKENS)


def gguf_parts(place: Path) -> Path:
    return split(folder_of("llama", place), place, 2, {0: TOKENS})[1]


def beginning(path: Path) -> int:
    """How much of a file is no weights."""
    data = path.read_bytes()
    if path.suffix == ".safetensors":
        return 8 + int.from_bytes(data[:8], "little")
    return min(len(data), 6000)


def bytes_changed(draw: random.Random, path: Path) -> None:
    """A byte or a few flipped, put in or taken out, or the file cut short."""
    data = bytearray(path.read_bytes())
    for _ in range(draw.choice([1, 1, 3])):
        at = draw.randrange(min(beginning(path), len(data)) or 1)
        change = draw.randrange(5)
        if change == 0:
            data[at : at + 1] = draw.randbytes(1)
        elif change == 1:
            data[at:at] = draw.choice([draw.randbytes(2), b"0", b"-1", b"null", b"1e999", b"[", b'"'])
        elif change == 2:
            del data[at : at + draw.choice([1, 8, 40])]
        elif change == 3:
            data[at : at + 1] = b"%d" % draw.randrange(10)
        else:
            del data[draw.randrange(len(data) + 1) :]
    path.write_bytes(data)


VALUES: list[Any] = [
    None, -1, 0, 1, 3, 2**31, 10**30, -0.5, 1e99, float("nan"), "", "gelu", True, [], [1], [[0], "x"], {}, {"a": 1},
    "F16", [10**12, 10**12],
]  # fmt: skip


def values_changed(draw: random.Random, path: Path) -> None:
    """A value of a config, an index, a tokenizer or a header by one of another kind, or another size."""
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little") if path.suffix == ".safetensors" else 0
    document = json.loads(data[8 : 8 + length] if length else data)
    places = [place for place in _places(document) if place]
    *inside, last = draw.choice([place for place in places if len(place) < 3] if draw.random() < 0.7 else places)
    holder = document
    for key in inside:
        holder = holder[key]
    if draw.random() < 0.2:
        del holder[last]
    else:
        holder[last] = copy.deepcopy(draw.choice(VALUES))
    text = json.dumps(document).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data[8 + length :] if length else text)


def _places(document: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield at
    keys = document if isinstance(document, dict) else range(len(document)) if isinstance(document, list) else ()
    for key in keys:
        yield from _places(document[key], (*at, key))


CASES_OF = [
    *((made, bytes_changed) for made in (one_file, shards, gguf_file, gguf_mixture, gguf_parts)),
    *((made, values_changed) for made in (one_file, shards)),
]


@pytest.mark.parametrize(("made", "change"), CASES_OF)
def test_no_change_to_a_file_gives_more_than_two_lines(
    made: Callable[[Path], Path],
    change: Callable[[random.Random, Path], None],
    tmp_path: Path,
    capsysbinary: pytest.CaptureFixture[bytes],
) -> None:
    model = made(tmp_path)
    draw = random.Random(f"{made.__name__} {change.__name__}")
    files = [path for path in sorted((model if model.is_dir() else tmp_path).iterdir()) if path.is_file()]
    kept = {path: path.read_bytes() for path in files if path.suffix in (".json", ".safetensors", ".gguf")}
    codes = set()
    for number in range(TIMES):
        path = draw.choice(list(kept))
        change(draw, path)
        command, *words = draw.choice(COMMANDS)
        code = run([command, "-m", str(model), *words])
        output = capsysbinary.readouterr()
        lines = 2 if code else 0
        assert (code in (0, 1, 2), len(output.err.splitlines())) == (True, lines), (number, path, output.err)
        assert not code or not output.out
        codes.add(code)
        path.write_bytes(kept[path])
    assert codes >= {0, 1}


VALUES_OF_KEYS: dict[str, list[Any]] = {
    "llama.attention.head_count_kv": [[], "x", -1, 0.5],
    "llama.attention.sliding_window": [[1, 2], "x", -5, True],
    "llama.attention.key_length": [[4], 5, 10**7],
    "llama.expert_count": [[1, 2], "many", -1],
    "llama.rope.freq_base": [-1.0, 0.0, float("nan"), float("inf"), "x"],
    "llama.rope.scaling.type": [7, "linear", "yarn"],
    "general.type": [[1, 2], 3],
    "general.alignment": [0, "x", [1, 2]],
    "split.count": [[1, 2], "x", -1],
    "tokenizer.ggml.token_type": [3, "x", True, ["a"]],
    "tokenizer.ggml.scores": [1, "x", [0.5]],
    "tokenizer.ggml.tokens": [1, "x", [1, 2]],
    "tokenizer.ggml.bos_token_id": ["x", -1, [1, 2], 10**9],
    "tokenizer.ggml.model": [[1], "gpt2", "bert"],
}


@pytest.mark.parametrize("key", VALUES_OF_KEYS)
def test_no_value_of_a_key_gives_more_than_two_lines(
    key: str, tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    folder = folder_of("llama", tmp_path)
    for number, value in enumerate(VALUES_OF_KEYS[key]):
        model = convert(folder, tmp_path / f"{number}.gguf", more={**TOKENS, key: value})
        code = run(["heatmap", "-m", str(model), "the cat"])
        errors = capsysbinary.readouterr().err
        assert (code in (0, 1, 2), len(errors.splitlines())) == (True, 2 if code else 0), (value, errors)
