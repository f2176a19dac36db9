"""Any options that a command takes, whatever the others are: a page or document, or two lines that say why not."""

import random

import pytest

from tests.cli.conftest import ROOT, Attn

SAMPLES = ROOT / "samples"
TEXTS = ("the cat sat", "a", "[/b] \x1b[31m 🙂 שלום", "the the the the", "x " * 40)
DOCUMENTS = tuple(
    str(SAMPLES / name) for name in ("by-hand.json", "cross.json", "grouped.json", "two-heads.npz", "cache-step.json")
)
MODEL = str(SAMPLES / "known-heads")

RUN = {
    "--heads": ("1", "2", "3"), "--dim": ("4", "6", "12"), "--seed": ("7",), "--mask": (
        "none", "causal", "causal:start", "sliding:2", "local:2", "prefix:1", "chunked:2"
    ), "--positions": ("none", "sinusoidal", "rope", "rope:100", "alibi"), "--scale": ("sqrt", "none", "0.5"),
    "--softcap": ("5",), "--dtype": ("float16", "float32", "float64"), "--tokenizer": ("word", "char", "whitespace"),
    "--context": ("le chat",), "--kv-heads": ("1",),
}  # fmt: skip
DOCUMENT = {key: RUN[key] for key in ("--mask", "--positions", "--scale", "--softcap", "--dtype")}
CHECKPOINT = {
    "--words": (), "--raw-tokens": (), "--no-special": (), "--next": ("3", "0"),
    "--layer": ("0", "1", "all", "-1", "7"),
}  # fmt: skip
SHOW = {
    "--format": ("terminal", "json", "markdown", "csv", "npz", "safetensors"), "--json": (), "--precision": ("0", "6"),
    "--palette": ("viridis", "gray"), "--color": ("always", "never"), "--full": (), "--quiet": (),
    "--stage": ("weights", "scores", "all", "output", "parts"), "--head": ("0", "1", "0,1", "-1"),
}  # fmt: skip
CHANGE = {
    "--without-token": ("1",), "--without-head": ("0.0",), "--temperature": ("0.5", "2"),
    "--set": ("weights[0][0]=1",),
}  # fmt: skip
DRAWN = {
    "--aggregate": ("mean", "max", "rollout", "flow"),
    "--drop": ("first", "special"),
    "--color-scale": ("log", "rank"),
}
OWN: dict[str, dict[str, tuple[str, ...]]] = {
    "explain": {**SHOW, **CHANGE, **DRAWN, "--brief": ()},
    "heatmap": {**SHOW, **CHANGE, **DRAWN, "--numbers": ()},
    "why": {**SHOW, "--query": ("0", "-1", "cat"), "--key": ("0", "the")},
    "heads": {**SHOW, "--by": ("entropy", "previous_token", "sink"), "--atlas": (), "--repeat": ("4",), "--writes": ()},
    "compare": {**SHOW, "--with": ("mask=causal", "seed=3", "head=1"), "--tolerance": ("1e-3",)},
}
NEEDED = {"why": ("--query", "0", "--head", "0"), "compare": ("--with", "temperature=2")}
FAR = ("99", "-99", "none at all", "0", "")


def command_line(draw: random.Random) -> list[str]:
    """A command, what it works on, and up to three options that it takes, one in ten with a value that is none."""
    command = draw.choice(list(OWN))
    source, options = draw.choice(
        [
            ([draw.choice(TEXTS)], RUN),
            (["-w", draw.choice(DOCUMENTS)], DOCUMENT),
            (["-m", MODEL, draw.choice(TEXTS[:2])], CHECKPOINT),
        ]
    )
    possible = options | OWN[command]
    arguments = [command, *source, *NEEDED.get(command, ())]
    for option in draw.sample(list(possible), draw.randrange(4)):
        values = possible[option]
        arguments += [option, *([draw.choice(values if draw.random() < 0.9 else FAR)] if values else [])]
    return arguments


@pytest.mark.parametrize("seed", range(12))
def test_a_command_line_ends_in_what_was_asked_for_or_in_two_lines(seed: int, call: Attn) -> None:
    draw = random.Random(seed)
    ends = []
    for _ in range(40):
        arguments = command_line(draw)
        ran = call(*arguments)
        ends.append(ran.code)
        assert ran.code in (0, 1, 2, 3), (arguments, ran)
        if ran.code in (1, 2):
            ran.complains(ran.code)
        elif ran.code == 0:
            assert ran.data, arguments
    assert ends.count(0) + ends.count(3) >= 18
