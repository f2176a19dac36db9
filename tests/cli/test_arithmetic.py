"""`attn why`, redone with a pocket calculator: what is printed arrives at what is printed."""

import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.cli.conftest import Attn
from tests.cli.documents import CROSS, GROUPED, parameters

TEXT = "the cat sat on the mat"
ALONE = re.compile(r" \((?:the sink|\w+|\d+ more)\)")
LINE = re.compile(r"^  ([\w ]+) = (.*?)(?:   \(.*)?$")
STEP = re.compile(r"^  (?:scaled|softcapped|biased|exponential) = (?:exp\(|.* × tanh\()?(−∞|-?\d[\d.]*(?:e[-+]\d+)?)")

BIASED = {
    "tokens": ["a", "b", "c"],
    "Q": [[[1, 0.5], [0.25, -1], [2, 0.1]], [[0.3, 0.2], [1, 1], [0.5, -2]]],
    "K": [[[1, 0.7], [0, 1], [0.5, -1]], [[1, 0.2], [0.1, 1], [0.4, -1]]],
    "V": [[[1, 0], [0, 1], [3, 4]]] * 2,
    "heads": 2,
    "attn_mask": [[0, 0.5, None], [-0.25, 0, -1e9], [0, -0.0625, 0]],
    "sinks": [0.5, -1],
    "positions": "alibi",
    "softcap": 5,
    "mask": "causal",
}
DOCUMENTS: dict[str, dict[str, Any]] = {
    "parameters": parameters(mask="causal"),
    "biased": BIASED,
    "grouped": GROUPED,
    "cross": CROSS,
    "scores": {"scores": [[1.5, -2], [0.25, 3]], "scale": 0.3, "V": [[1, 2], [3, -4]], "tokens": ["a", "b"]},
    "masked": {"masked": [[1.5, None], [0.25, 3]], "tokens": ["a", "b"]},
    "sinks": parameters(sinks=[0.75]),
    "placed": parameters(positions="alibi", position_ids=[3, 17]),
}
RUNS: dict[str, list[str]] = {
    "plain": [TEXT, "--query", "cat", "--key", "sat"],
    "causal": [TEXT, "--mask", "causal", "--query", "mat", "--key", "the#2"],
    "hidden": [TEXT, "--mask", "causal", "--query", "cat", "--key", "mat"],
    "sliding": [TEXT, "--mask", "sliding:2", "--query", "4", "--key", "3"],
    "rope": [TEXT, "--positions", "rope", "--query", "4", "--key", "1"],
    "sinusoidal": [TEXT, "--positions", "sinusoidal", "--query", "4", "--key", "1"],
    "alibi": [TEXT, "--positions", "alibi", "--heads", "3", "--dim", "6", "--head", "2", "--query", "5", "--key", "1"],
    "softcap": [TEXT, "--softcap", "1.5", "--query", "0", "--key", "-1"],
    "scale": [TEXT, "--scale", "0.123456789", "--query", "0", "--key", "-1"],
    "unscaled": [TEXT, "--scale", "none", "--query", "0", "--key", "-1"],
    "shared": [TEXT, "--heads", "4", "--kv-heads", "2", "--dim", "12", "--head", "3", "--query", "0", "--key", "2"],
    "float32": [TEXT, "--dtype", "float32", "--query", "0", "--key", "2"],
    "context": ["a b", "--context", "x y z", "--query", "a", "--key", "z"],
    "wide": [TEXT, "--dim", "40", "--query", "0", "--key", "2", "--full"],
    **{
        f"{name} {query} {key}": ["-w", f"{name}.json", "--query", str(query), "--key", str(key)]
        for name in DOCUMENTS
        for query, key in ((0, 0), (0, 1), (1, 0), (1, 1))
    },
    "biased far": ["-w", "biased.json", "--head", "1", "--query", "1", "--key", "2"],
    "biased near": ["-w", "biased.json", "--head", "1", "--query", "2", "--key", "1"],
    "grouped last": ["-w", "grouped.json", "--head", "3", "--query", "c", "--key", "b"],
}


@pytest.fixture(autouse=True)
def documents(tmp_path: Path) -> None:
    for name, document in DOCUMENTS.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(document))


def value(text: str) -> float:
    """What a printed calculation comes to."""
    plain = ALONE.sub("", text).replace("−∞", "-inf").replace("−", "-").replace("×", "*").replace("- -", "+ ")
    names = {"exp": math.exp, "tanh": math.tanh, "inf": math.inf, "__builtins__": {}}
    return float(eval(plain, names))


def close(found: float, printed: float, size: float = 1.0) -> None:
    assert found == pytest.approx(printed, rel=3e-7, abs=3e-8 * max(1.0, size))


def sections(out: str) -> dict[str, list[str]]:
    """The lines of a page by the first words of their headings."""
    found: dict[str, list[str]] = {}
    lines = out.splitlines()
    for line, below in zip(lines, [*lines[1:], ""], strict=True):
        if below and set(below) == {"─"}:
            found[line] = []
        elif found and line and set(line) - set("─ "):
            found[list(found)[-1]].append(line)
    return found


@pytest.mark.parametrize("name", RUNS)
def test_every_line_can_be_redone(call: Attn, name: str) -> None:
    ran = call("why", *RUNS[name], "--precision", "8", "--quiet", env={"COLUMNS": "400"})
    assert (ran.code, ran.errors) == (0, "")
    pages = sections(ran.out)
    numbers: dict[str, float] = {}
    for line in ran.lines:
        if match := LINE.match(line):
            label, text = match.groups()
            made, equals, shown = text.rpartition(" = ")
            if equals and "V" not in made:
                close(value(made), value(shown), abs(value(made)))
            if label != "weight × V":
                numbers[label] = value(shown)
    # Each step begins with what the one before it arrived at.
    last = numbers.get("score")
    for line in ran.lines:
        if match := STEP.match(line):
            if last is not None and match[1] != "−∞":
                close(float(match[1]), last)
            last = value(line.partition("   (")[0].rpartition(" = ")[2])
    for heading, lines in pages.items():
        if heading.startswith("The match"):
            terms = [[float(cell) for cell in line.split()] for line in lines if re.match(r"\s*\d", line)]
            total = 0.0
            for _, q, k, product, running in terms:
                close(q * k, product, abs(q) + abs(k))
                total += product
                close(total, running, len(terms))
            close(total, numbers["score"], len(terms))
            sizes = [abs(term[3]) for term in terms]
            assert sizes == sorted(sizes, reverse=True)
        if heading.startswith("What it brings"):
            rows = {line[:12].strip(): [float(cell) for cell in line[12:].split()] for line in lines[1:-1]}
            for part, whole in zip(rows["weight × V"], rows["V"], strict=True):
                close(numbers["weight"] * whole, part, abs(whole))


@pytest.mark.parametrize("name", RUNS)
def test_the_figures_in_json_are_those_of_the_trace(call: Attn, name: str) -> None:
    arguments = RUNS[name]
    source = arguments[: arguments.index("--query")]
    chosen = [word for word in arguments if word != "--full"]
    why = call("why", *chosen, "--json").json()
    assert why["format"] == "attn.why"
    layer = call("explain", *source, "--json").json()["layers"][0]

    def same(one: object, other: object) -> bool:
        """Whether these are the same numbers in the layer's dtype."""
        return np.array_equal(*(np.array(side, dtype=float).astype(layer["dtype"]) for side in (one, other)), True)

    place = layer["head_index"].index(why["head"])
    shared = layer["kv_head_index"].index(why["kv_head"])
    query, key = why["query"]["index"], why["key"]["index"]
    for stage, score in why["scores"].items():
        assert same(score, layer[stage][place][query][key])
    if why["weight"] is not None:
        assert same(why["weight"], layer["weights"][place][query][key])
        tolerance = 1e-6 if layer["dtype"] == "float32" else 1e-14
        assert why["exponential"] / why["denominator"] == pytest.approx(why["weight"], abs=tolerance)
    if why["terms"] is not None:
        assert sum(term["product"] for term in why["terms"]) == pytest.approx(layer["scores"][place][query][key])
    if why["V"] is not None:
        assert same(why["V"], layer["V"][shared][key])
        assert np.array(why["contribution"]) == pytest.approx(why["weight"] * np.array(why["V"]))
        assert same(why["head_output"], layer["head_output"][place][query])
    if "sink_weight" in layer:
        assert why["sink_weight"] == layer["sink_weight"][place][query]
    assert same([rival["weight"] for rival in why["keys"]], sorted(layer["weights"][place][query], reverse=True))
    assert why["hidden"] is (None in why["scores"].values())
    assert sorted(rival["index"] for rival in why["keys"]) == list(range(len(layer["weights"][place][query])))


def test_the_cause_of_a_bias_is_told_from_its_alibi(call: Attn) -> None:
    for key, words in ((2, "− 0.00390625 × 1 − 1e+09"), (0, "− 0.00390625 × 1 − 0.25000000")):
        found = call("why", "-w", "biased.json", "--head", "1", "--query", "1", "--key", key, "--precision", "8")
        assert words in " ".join(found.out.split())
    placed = call("why", "-w", "placed.json", "--query", "1", "--key", "0")
    assert "× 14 =" in placed.out


def test_a_row_ranks_all_keys_and_says_what_divides_them(call: Attn) -> None:
    ran = call("why", TEXT, "--mask", "causal", "--query", "on", "--precision", "8")
    rows = [line.split() for line in ran.lines if re.match(r"\s+\d+\s+\d+\s", line)]
    weights = [float(row[-1]) for row in rows]
    assert [row[0] for row in rows] == list("123456")
    assert weights == sorted(weights, reverse=True)
    assert math.fsum(weights) == pytest.approx(1, abs=1e-7)
    last = next(line for line in ran.lines if line.startswith("  exp = "))
    shift, divisor = (float(number) for number in re.findall(r"\d+\.\d+", last))
    sign = -1 if "− " in last else 1
    for row in rows:
        if row[-3] != "−∞":
            close(math.exp(float(row[-3]) + sign * shift), float(row[-2]))
        close(float(row[-2]) / divisor, float(row[-1]))


def test_a_long_row_is_folded_and_the_rest_is_summed(call: Attn) -> None:
    text = " ".join(f"w{i}" for i in range(90))
    folded, full = (call("why", text, "--query", "0", "--precision", "8", *more).out for more in ([], ["--full"]))
    weights = [float(line.split()[-1]) for line in full.splitlines() if re.match(r"\s+\d+\s+\d+\s", line)]
    assert len(weights) == 90
    rest = re.search(r"… 50 more keys weigh (\S+) together; --full shows all", folded)
    assert rest
    close(math.fsum(weights[40:]), float(rest[1]))


NUMERALS = "3 1 -1 a#2 a a"


@pytest.mark.parametrize(
    ("spelling", "index"),
    [("3", 0), ("1", 1), ("-1", 2), ("a#2", 3), ("a#1", 4), ("0", 0), ("2", 2), ("-2", 4), ("5", 5), ("-6", 0)],
)
def test_a_token_is_found_as_it_is_written_before_it_is_an_index(call: Attn, spelling: str, index: int) -> None:
    ran = call("why", NUMERALS, "--tokenizer", "whitespace", "--query", spelling, "--json")
    assert ran.json()["query"] == {"index": index, "token": NUMERALS.split()[index]}


def test_a_layer_and_a_head_can_be_chosen(call: Attn, tmp_path: Path) -> None:
    trace = {
        "layers": [{"weights": [[[0.5, 0.5], [1, 0]], [[0.25, 0.75], [0, 1]]]}, {"weights": [[0.125, 0.875], [1, 0]]}]
    }
    (tmp_path / "t.json").write_text(json.dumps(trace))
    found = call("why", "-w", "t.json", "--layer", "0", "--head", "-1", "--query", "0", "--key", "1", "--json").json()
    assert (found["layer"], found["head"], found["weight"]) == ("layers.0", 1, 0.75)
    found = call("why", "-w", "t.json", "--layer", "-1", "--query", "0", "--key", "1", "--json").json()
    assert (found["layer"], found["head"], found["weight"]) == ("layers.1", 0, 0.875)
    first = call("why", "-w", "t.json", "--query", "0", "--key", "1").out
    assert "L1.0, the strongest of 3 heads for this query: --head chooses another" in first


def test_what_is_not_stored_is_not_made_up(call: Attn, tmp_path: Path) -> None:
    (tmp_path / "w.csv").write_text("0.5,0.5\n1,0\n")
    out = call("why", "-w", "w.csv", "--query", "0", "--key", "1").out
    assert "50.0% of its attention" in out
    assert "exponential" not in out
    out = call("why", "-w", "masked.json", "--query", "0", "--key", "1").out
    assert "hidden" in out
    assert "What it brings" not in out
