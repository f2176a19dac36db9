"""A text that is the name of a file, or JSON in a pipe, is not drawn as a sentence of random numbers."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import ROOT, Attn
from tests.cli.documents import parameters

MODEL = str(ROOT / "samples" / "known-heads")
COMMANDS = [
    ["explain"],
    ["heatmap"],
    ["heatmap", "--aggregate", "mean"],
    ["why", "--query", "0"],
    ["heads"],
    ["init"],
    ["compare", "--with", "mask=causal", "--with", f"model={MODEL}"],
]


@pytest.fixture(autouse=True)
def files(tmp_path: Path) -> None:
    (tmp_path / "dump.json").write_text(json.dumps(parameters()))
    (tmp_path / "notes.txt").write_text("the cat sat")
    (tmp_path / "a file.npz").write_bytes(b"PK")
    (tmp_path / "weights").write_bytes(b"GGUF\3\0\0\0")
    (tmp_path / "folder").mkdir()
    (tmp_path / "gpt2").mkdir()
    (tmp_path / "gpt2" / "config.json").write_text("{}")


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: " ".join(command[:3]))
@pytest.mark.parametrize(
    ("text", "what", "use"),
    [
        ("dump.json", "file", "use -w dump.json;"),
        ("./dump.json", "file", "use -w ./dump.json;"),
        ("a file.npz", "file", "use -w 'a file.npz';"),
        ("notes.txt", "file", "use -w notes.txt if it is a document, - < notes.txt for the text in it"),
        ("weights", "file", "use -m weights;"),
        ("gpt2", "folder", "use -m gpt2;"),
        ("folder", "folder", "use -m for the folder of a checkpoint, -w for a file in folder"),
    ],
)
def test_a_text_that_is_the_name_of_a_file_names_the_option_that_reads_it(
    call: Attn, command: list[str], text: str, what: str, use: str
) -> None:
    call(command[0], text, *command[1:]).complains(1, f"'{text}' is a {what}, not a text", use, "--text")


@pytest.mark.parametrize("command", ["explain", "heatmap", "heads", "init"])
def test_with_text_the_name_of_a_file_is_a_text(call: Attn, command: str) -> None:
    ran = call(command, "--text", "notes.txt", *([] if command == "init" else ["--json"]))
    assert (ran.code, ran.errors) == (0, "")
    assert ran.data == call(command, "notes.txt", "--text", *([] if command == "init" else ["--json"])).data
    assert '"notes"' in ran.out


def test_a_text_of_a_checkpoint_is_not_a_file_either(call: Attn) -> None:
    for arguments in (["notes.txt"], ["the cat", "--pair", "notes.txt"], ["the cat", "--target", "notes.txt"]):
        call("heatmap", "-m", MODEL, *arguments).complains(1, "'notes.txt' is a file, not a text")
    call("explain", "a b", "--context", "notes.txt").complains(1, "'notes.txt' is a file, not a text")
    assert call("heatmap", "-m", MODEL, "--text", "gpt2").code == 0


def test_compare_takes_files_for_documents_unless_they_are_texts(call: Attn) -> None:
    assert call("compare", "dump.json", "dump.json").code == 0
    texts = call("compare", "--text", "dump.json", "dump.json", "--json")
    assert (texts.code, texts.json()["a"]["tokens"]) == (0, ["dump", ".", "json"])
    call("compare", "-m", MODEL, "notes.txt", "the cat").complains(1, "'notes.txt' is a file, not a text")
    call("compare", "-m", MODEL, "the cat", "notes.txt").complains(1, "'notes.txt' is a file, not a text")


@pytest.mark.parametrize("command", COMMANDS[:-1], ids=" ".join)
@pytest.mark.parametrize("more", [[], ["-m", MODEL]])
def test_a_json_object_in_a_pipe_is_not_a_text(call: Attn, command: list[str], more: list[str]) -> None:
    piped = json.dumps(parameters(), indent=2).encode()
    if command[0] == "why" and more:
        more = [*more, "--layer", "0", "--head", "0"]
    call(command[0], "-", *command[1:], *more, stdin=b" \n" + piped).complains(1, "JSON object", "-w -")


def test_what_only_begins_like_json_is_a_text(call: Attn) -> None:
    for text in (b"{a} b", b"{", b"[1, 2]", b'"a"', b"{" * 50):
        assert call("explain", "-", "--json", stdin=text).code == 0
    call("explain", "-", stdin=b'{"a":' * 5000).complains(1, "JSON object")
    assert call("explain", "-", "--text", "--json", stdin=b'{"a": 1}').json()["tokens"][:2] == ["{", '"']
    assert call("heads", "-", "--text", "--json", stdin=b'{"a": 1}\n{"b": 2}').code == 0


def test_lines_of_a_file_are_texts_whatever_files_there_are(call: Attn, tmp_path: Path) -> None:
    (tmp_path / "lines.txt").write_text("notes.txt\n-\x20\n- -\ngpt2 folder\n")
    assert call("heads", "--texts", "lines.txt", "--json").errors.startswith("attn: '- ' has one token")
    (tmp_path / "lines.txt").write_text("notes.txt\n- -\ngpt2 folder\n")
    assert call("heads", "--texts", "lines.txt", "--json").json()["texts"] == 3


def test_text_says_nothing_where_there_is_none(call: Attn) -> None:
    for arguments in (
        ["explain", "-w", "dump.json"],
        ["heatmap", "-m", MODEL, "--ids", "1,2"],
        ["heads", "--texts", "x"],
    ):
        call(*arguments, "--text").complains(2, "--text cannot act here")
