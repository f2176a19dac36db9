"""Every input that is wrong: two lines on standard error, nothing on standard output, and the right exit code."""

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.cli.conftest import Attn
from tests.cli.documents import parameters

DEEP = 100_000

TEXTS: list[tuple[list[str], str]] = [
    (["explain"], "there is no text"),
    (["explain", ""], "the text is empty"),
    (["heatmap", " \t\n"], "the text is only blanks"),
    (["why", "", "--query", "a"], "the text is empty"),
    (["init"], "there is no text"),
    (["compare", "a", ""], "the text is empty"),
    (["compare", "", "a"], "the text is empty"),
    (["compare", "a", " "], "the text is only blanks"),
    (["explain", "-"], "the text is empty"),
]


@pytest.mark.parametrize(("arguments", "message"), TEXTS)
def test_a_text_without_words_is_refused(call: Attn, arguments: list[str], message: str) -> None:
    call(*arguments).complains(1, message)


def test_a_text_that_is_not_utf8_is_refused(call: Attn) -> None:
    call("explain", "-", stdin=b"caf\xe9").complains(1, "standard input is not UTF-8: byte 3 is 0xe9")


JSON: list[tuple[Any, str]] = [
    ('{"a": 1,\n "b": }', "x.json: line 2, column 7"),
    ("{'a': 1}", "line 1, column 2"),
    ('{"tokens": ["a"', "line 1, column 16"),
    ('{"a": 1} {', "line 1, column 10"),
    ("null", "null"),
    ('"word"', '"word"'),
    ("{}", "nothing that attention can start from"),
    ("[]", "an empty list"),
    (json.dumps(parameters(W_Q=[[1, 2], [3, float("nan")], [1, 1]])), "W_Q[1][1]: expected a finite number, found NaN"),
    (json.dumps(parameters(W_Q=[[1, 7], [3, 4], [1, 1]])).replace("7", "1e999"), "W_Q[0][1]"),
    (json.dumps(parameters(W_Q=[[1, 7], [3, 4], [1, 1]])).replace("7", "9" * 400), "W_Q[0][1]"),
    (json.dumps(parameters(W_Q=[[1, 7], [3, 4], [1, 1]])).replace("7", "9" * 5000), "line 1, column"),
    (parameters(W_Q=[[1, "2"], [3, 4], [1, 1]]), 'W_Q[0][1]: expected a number, found "2"'),
    (parameters(W_Q=[[1, 2], [True, 4], [1, 1]]), "W_Q[1][0]: expected a number, found true"),
    (parameters(W_Q=[[1, 2], [3, None], [1, 1]]), "W_Q[1][1]: expected a number, found null"),
    (parameters(embeddings={"a": [1, 2, "x"], "b": [0, 1, 2]}), 'embeddings.a[2]: expected a number, found "x"'),
    (parameters(embeddings={"a": None, "b": [0, 1, 2]}), "embeddings.a"),
    (parameters(W_K=[[1, 2], [3], [1, 1]]), "W_K[1]: expected 2 numbers, as in W_K[0], found 1"),
    (parameters(embeddings={"a": [1, 2, 3], "b": [0, 1]}), "embeddings.b: expected 3 numbers"),
    (parameters(W_Q=[[1, 2], [3, 4]]), "X is 2×3, W_Q is 2×2"),
    (parameters(W_K=[[1, 2, 3], [3, 4, 5], [6, 7, 8]]), "Q is 1×2×2, and K is 1×2×3"),
    (parameters(W_O=[[1, 2, 3]]), "head_output is 2×2, W_O is 1×3"),
    (parameters(W_Q=[1, 2]), "W_Q: expected a matrix"),
    (parameters(W_Q=...), "lacks W_Q"),
    (parameters(W_V=...), "lacks W_V"),
    (parameters(embeddings=...), "lacks embeddings or X"),
    ({"tokens": ["a"], "embeddings": {"a": [1]}}, "lacks W_Q"),
    (parameters(maks="causal"), "did you mean 'mask'"),
    (parameters(w_q=[[1]]), "W_Q and w_q both mean W_Q"),
    (parameters(W_Qs=[[1]]), "did you mean 'W_Q'"),
    (parameters(zzz=1), "unknown key 'zzz'"),
    ('{"tokens": ["a"], "tokens": ["b"]}', "the key 'tokens' is given twice"),
    ('{"embeddings": {"a": [1], "a": [2]}}', "embeddings.a: the key 'a' is given twice"),
    (parameters(tokens=["a", "c", "b", "d", "c"]), "no vector for 'c', 'd'\n"),
    (parameters(heads=3), "W_Q has 2 columns, which 3 heads cannot share evenly"),
    (parameters(heads=2, kv_heads=3), "2 heads cannot share 3 key/value heads evenly"),
    (parameters(heads=0), "heads: expected a whole number from 1 to 65,536, found 0"),
    (parameters(heads="2"), 'heads: expected a whole number from 1 to 65,536, found "2"'),
    (parameters(heads=True), "heads: expected a whole number from 1 to 65,536, found true"),
    ("[" * DEEP, "nested too deeply"),
    ("[" * DEEP + "]" * DEEP, "nested too deeply"),
    ('{"a":' * DEEP + "1" + "}" * DEEP, "nested too deeply"),
    ({"Q": [[1, 2], [3, 4]], "K": [[1, 2, 3], [3, 4, 5]]}, "Q is 1×2×2, and K is 1×2×3"),
    ({"Q": [[1, float("nan")]], "K": [[1, 2]]}, "Q[0][1]: expected a finite number, found NaN"),
    ({"Q": [[1, 2]]}, "lacks K"),
    ({"scores": [[1, 2], [3, 4]]}, "scores need d_k, or a scale"),
    ({"Q": [[1, 2]], "K": [[1, 2]], "heads": 2}, "heads"),
    ({"Q": [[[1, 2]]] * 2, "K": [[[1, 2]]] * 2, "V": [[[1]]] * 3}, "V"),
    (parameters(attn_mask=[[True, False, True], [True, True, True]]), "attn_mask is 2×3, and scores are 1×2×2"),
    (parameters(attn_mask=[[1, 0], [1, 1]]), "only the integers 0 and 1"),
    (parameters(attn_mask=[[True, "x"], [True, True]]), "attn_mask[0][1]: expected true, false, null or a number"),
    (parameters(attn_mask=[[True, False], [True]]), "attn_mask[1]"),
    (parameters(attn_mask=[True, False, True]), "attn_mask"),
    (parameters(attn_mask="causal"), 'attn_mask: expected a list, found "causal"'),
    (parameters(mask="casual"), "did you mean 'causal'"),
    (parameters(mask="sliding"), "lacks its window"),
    (parameters(mask=[[True]]), "mask: found a list"),
    (parameters(positions="rop"), "did you mean 'rope'"),
    (parameters(scale="sqr"), "unknown scale 'sqr'"),
    (parameters(softcap=-1), "softcap: expected a number above 0"),
    (parameters(dtype="float8"), "unknown dtype 'float8'"),
    (parameters(projections="conv"), "projections"),
    (parameters(tokens=["a", 1]), "tokens: expected a list of strings"),
    (parameters(sinks=[1, 2]), "sinks"),
    (parameters(position_ids=[0, 0.5]), "position_ids"),
]


@pytest.mark.parametrize(("document", "message"), JSON, ids=[message[:60] for _, message in JSON])
def test_a_document_that_is_wrong_is_refused_with_the_place(
    call: Attn, tmp_path: Path, document: Any, message: str
) -> None:
    text = document if isinstance(document, str) else json.dumps(document)
    (tmp_path / "x.json").write_text(text, encoding="utf-8")
    ran = call("explain", "-w", "x.json")
    ran.complains(1, message)
    assert ran.errors.startswith("attn: x.json: ")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("gone.json", "no such file"),
        (".", "is a folder"),
        ("x" * 300, "cannot be read"),
        ("nul\0.json", "cannot be read"),
    ],
)
def test_a_path_without_a_document_is_refused(call: Attn, name: str, message: str) -> None:
    call("explain", "-w", name).complains(1, message)


def test_a_file_that_may_not_be_read_is_refused(call: Attn, tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text("{}")
    path.chmod(0)
    try:
        path.read_bytes()
    except PermissionError:
        call("explain", "-w", "x.json").complains(1, "x.json: cannot be read")
    else:
        pytest.skip("root reads everything")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is empty"),
        (b" \n", "is empty"),
        (bytes(range(256)), "is neither JSON"),
        (pickle.dumps({"a": 1}), "is neither JSON"),
        (b"1,2\n3\n", "line 2: expected 2 numbers, as in line 1, found 1"),
        (b"1,x\n3,4\n", 'line 1, column 2: expected a number, found "x"'),
        (b"a,b\n1,x\n3,4\n", 'line 2, column 2: expected a number, found "x"'),
        (b"\xff\xfe{\0}\0", "UTF-16"),
        (b'{"tokens": ["\xe9"]}', "is not UTF-8"),
    ],
)
def test_bytes_that_are_no_document_are_refused(call: Attn, tmp_path: Path, data: bytes, message: str) -> None:
    (tmp_path / "x").write_bytes(data)
    call("explain", "-w", "x").complains(1, "x: ", message)
    if data.strip():
        call("explain", "-w", "-", stdin=data).complains(1, "standard input: ", message)


def test_an_array_of_python_objects_is_refused(call: Attn, tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", tokens=np.array(["a"], dtype=object), X=np.ones((1, 1)))
    call("explain", "-w", "x.npz").complains(1, "x.npz: tokens", "pickled")
    np.save(tmp_path / "x.npy", np.array([[None]], dtype=object))
    call("explain", "-w", "x.npy").complains(1, "pickled")


@pytest.mark.parametrize("suffix", ["npz", "safetensors", "json", "npy"])
@pytest.mark.parametrize("share", [0.99, 0.5, 0.1])
def test_a_file_that_was_cut_off_is_refused(call: Attn, tmp_path: Path, suffix: str, share: float) -> None:
    path = tmp_path / f"x.{suffix}"
    if suffix == "npy":
        np.save(path, np.eye(40))
    else:
        assert call("explain", "a b c d", "-o", path.name).code == 0
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    call("explain", "-w", path.name).complains(1, path.name)


TRACES: list[tuple[dict[str, Any], str]] = [
    ({"version": 2}, "trace version 2 is newer than this attn"),
    ({"version": "1"}, "version"),
    ({"format": "attn.why"}, 'found "attn.why"'),
    ({"layer": []}, "unknown key 'layer'"),
    ({"layers": []}, "layers"),
    ({"layers": [{"weihgts": [[1]]}]}, "did you mean 'weights'"),
    ({"layers": [{"weights": [[1, 2], [3]]}]}, "layers[0].weights[1]"),
    ({"layers": [{"weights": [[0.5, "0.5"], [1, 0]]}]}, "layers[0].weights[0][1]"),
    ({"tokens": ["a"]}, "token"),
]


@pytest.mark.parametrize(("changes", "message"), TRACES, ids=[message for _, message in TRACES])
def test_a_trace_that_is_wrong_is_refused(call: Attn, tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    trace = call("explain", "a b", "--json").json() | changes
    (tmp_path / "x.json").write_text(json.dumps(trace))
    call("explain", "-w", "x.json").complains(1, "x.json: ", message)


SELECTIONS: list[tuple[list[str], str]] = [
    (["explain", "a b", "--stage", "wieghts"], "did you mean 'weights'?"),
    (["explain", "a b", "--stage", "masked"], "this attention has no stage 'masked'"),
    (["explain", "a b", "--head", "9"], "there is no head 9"),
    (["heatmap", "a b", "--heads", "4", "--head", "0,4"], "heads are 0 to 3"),
    (["explain", "a b", "--layer", "1"], "there is only layer 0"),
    (["explain", "a b", "--heads", "3"], "d_model 4 cannot be shared evenly by 3 heads"),
    (["explain", "a b", "--heads", "4", "--kv-heads", "3"], "4 heads cannot share 3 key/value heads evenly"),
    (["why", "a b", "--query", "c"], "the tokens are 'a', 'b'"),
    (["why", "amazing b", "--query", "amazin"], "did you mean 'amazing'?"),
    (["why", "a b", "--query", "0", "--key", "B"], "did you mean 'b'?"),
    (["why", "a b", "--query", "-3"], "indices are 0 to 1"),
    (["why", "a", "--query", "1"], "there is only index 0"),
    (["why", "a b a", "--query", "a"], "choose a#1 (index 0), a#2 (index 2)"),
    (["why", "a b a", "--query", "b", "--key", "a"], "choose a#1 (index 0), a#2 (index 2)"),
    (["why", "a b a", "--query", "a#3"], "up to a#2"),
    (["why", "a b", "--query", "a", "--head", "1"], "there is only head 0"),
    (["why", "a b", "--query", "a", "--heads", "2", "--head", "all"], "choose one"),
    (["explain", "a b", "-o", "no/x.json"], "no/x.json: cannot write it: No such file or directory"),
]


@pytest.mark.parametrize(("arguments", "message"), SELECTIONS)
def test_what_is_not_there_is_refused_with_what_is(call: Attn, arguments: list[str], message: str) -> None:
    call(*arguments).complains(1, message)


USAGE: list[tuple[list[str], str]] = [
    (["explain", "a b", "--mask", "casual"], "--mask: unknown mask 'casual'\n  hint: did you mean 'causal'?"),
    (["explain", "a b", "--mask", "sliding"], "lacks its window"),
    (["explain", "a b", "--mask", "sliding:0"], "expected a whole number from 1, found '0'"),
    (["explain", "a b", "--positions", "rope:x"], "--positions"),
    (["explain", "a b", "--positions", "rope:10,foo=1"], "'foo=1' is not a field of rope"),
    (["explain", "a b", "--scale", "nan"], "--scale"),
    (["explain", "a b", "--softcap", "1e400"], "--softcap"),
    (["explain", "a b", "--softcap", "-1"], "--softcap"),
    (["explain", "a b", "--dtype", "f32"], "float64, float32, float16"),
    (["explain", "a b", "--head", "x"], "0, -1, 0-3, 0,5, L3.5 or all"),
    (["explain", "a b", "--layer", ""], "0, -1, 0-3, 0,5, L3 or all"),
    (["explain", "a b", "--heads", "4", "--head", "3-1"], "write 1-3"),
    (["explain", "a b", "--tokenizer", "wrd"], "word, whitespace, char, byte"),
    (["explain", "a b", "--seed", "1.5"], "--seed: expected a whole number, found '1.5'"),
    (["explain", "a b", "--seed", "1_0"], "--seed"),
    (["explain", "a b", "--heads", "0"], "--heads: expected a whole number from 1"),
    (["explain", "a b", "--dim", "1e3"], "--dim"),
    (["explain", "a b", "--precision", "18"], "--precision: expected a whole number from 0 to 17, found '18'"),
    (["explain", "a b", "--palette", "virdis"], "viridis"),
    (["explain", "a b", "--color", "yes"], "auto, always, never"),
    (["explain", "a b", "-f", "jsn"], "json"),
    (["explain", "a b", "--json", "-f", "csv"], "contradict each other"),
    (["explain", "a b", "-o", "x.foo"], ".json"),
    (["explain", "a b", "-o", "x"], "choose the format with -f"),
    (["init", "a b", "-o", "x.csv"], "ends in none of .json, .npz, .safetensors"),
    (["explain", "a b", "-w"], "-w FILE: A document"),
    (["explain", "a b", "--as", "x"], "--as"),
    (["explain", "-w", "x.json", "--unknown", "x"], "choose one of random, zero"),
    (["explain", "-", "-w", "-"], "cannot both be standard input"),
    (["compare", "-", "-"], "cannot both be standard input"),
    (["compare"], "there is nothing to compare"),
    (["compare", "a b"], "there is only one run to compare"),
    (["compare", "a b", "--with", "mask"], "NAME=VALUE"),
    (["compare", "a b", "--with", "heads=2"], "NAME one of"),
    (["compare", "a b", "--with", "mask=casual"], "did you mean 'causal'"),
    (["compare", "a", "b", "--tolerance", "nan"], "--tolerance: expected a number from 0, found 'nan'"),
    (["compare", "a", "b", "--tolerance", "-1"], "--tolerance"),
    (["compare", "a", "b", "-f", "npz"], "terminal, json, csv or markdown"),
    (["why", "a b", "--query", "a", "-o", "x.npz"], "terminal, json, csv or markdown"),
    (["schema"], "such as attn schema weights"),
    (["schema", "weight"], "weights, trace"),
    (["explain", "a", "b"], "quote the text: attn explain "),
    (["heatmap", "a", "b"], "quote the text: attn heatmap "),
    (["compare", "a", "b", "c"], 'quote the text: attn compare "The cat sat" "The dog sat"'),
    (["expain", "a"], "did you mean 'explain'?"),
    (["a sentence"], "a text needs one: attn explain"),
    (["--foo"], "No such option: --foo"),
    (["explain", "-a sentence"], "No such option"),
    (["explain", "a b", "--haed", "1"], "did you mean --head"),
]


@pytest.mark.parametrize(("arguments", "message"), USAGE, ids=[" ".join(arguments) for arguments, _ in USAGE])
def test_a_wrong_command_line_exits_2(call: Attn, arguments: list[str], message: str) -> None:
    call(*arguments).complains(2, message)


# What an option would act on is not there: a text, a bare matrix of weights, one of scores, a trace.
UNABLE: list[tuple[str, list[str]]] = [
    ("a b", ["--unknown", "random"]),
    ("a b", ["--as", "scores"]),
    *(("weights", ["--" + name, value]) for name, value in [("mask", "causal"), ("scale", "2"), ("softcap", "2")]),
    *(("weights", ["--positions", value]) for value in ("alibi", "rope", "sinusoidal")),
    *(("weights", ["--" + name, "1"]) for name in ("heads", "kv-heads", "seed", "dim", "head-dim")),
    ("weights", ["--seed", "0"]),
    ("weights", ["--tokenizer", "char"]),
    ("weights", ["--unknown", "zero"]),
    ("scores", ["--positions", "rope"]),
    ("scores", ["--heads", "1"]),
    ("trace", ["--seed", "1"]),
    ("trace", ["--dim", "8"]),
    ("trace", ["--heads", "1"]),
    ("trace", ["--unknown", "zero"]),
    ("trace", ["--as", "scores"]),
    ("trace", ["--tokenizer", "char"]),
    ("trace", ["--context", "x"]),
    ("trace", ["--positions", "sinusoidal"]),
    ("parameters", ["--as", "scores"]),
    ("parameters", ["--seed", "1"]),
    ("parameters", ["--unknown", "zero", "--seed", "1"]),
    ("parameters", ["--dim", "3"]),
]


@pytest.mark.parametrize(("source", "options"), UNABLE, ids=[f"{source} {' '.join(o)}" for source, o in UNABLE])
def test_an_option_that_cannot_act_exits_2(call: Attn, tmp_path: Path, source: str, options: list[str]) -> None:
    (tmp_path / "m.csv").write_text("0.5,0.5\n1,0\n")
    (tmp_path / "p.json").write_text(json.dumps(parameters()))
    if source == "trace":
        assert call("explain", "a b", "-o", "t.json").code == 0
    arguments = {
        "weights": ["-w", "m.csv"],
        "scores": ["-w", "m.csv", "--as", "scores"],
        "trace": ["-w", "t.json"],
        "parameters": ["-w", "p.json"],
    }.get(source, [source])
    call("explain", *arguments, *options).complains(
        2, options[-2], "cannot act here" if source != "parameters" or "--as" not in options else "--as"
    )


def test_why_takes_no_stages(call: Attn) -> None:
    call("why", "a b", "--query", "a", "--stage", "weights").complains(2, "--stage cannot act here")


def test_init_does_not_overwrite_unless_it_is_told_to(call: Attn, tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("mine")
    call("init", "a b", "-o", "x.json").complains(1, "x.json: exists already", "--force")
    assert (tmp_path / "x.json").read_text() == "mine"
    assert call("init", "a b", "-o", "x.json", "--force").code == 0
    assert call("explain", "-w", "x.json").code == 0


def test_a_trace_has_no_parameters_to_write(call: Attn, tmp_path: Path) -> None:
    assert call("explain", "a b", "-o", "t.json").code == 0
    call("init", "-w", "t.json").complains(1, "a trace holds no parameters")


def test_a_label_for_each_token_is_wanted(call: Attn) -> None:
    assert call("explain", "a b", "-o", "t.json").code == 0
    call("explain", "a b c", "-w", "t.json").complains(1, "TEXT has 3 tokens, the trace has 2")
    call("explain", "a", "-w", "t.json").complains(1, "TEXT has 1 token, the trace has 2")
