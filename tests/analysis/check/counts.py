"""Counts what check says of every mistake and sound layer: `python -m tests.analysis.check.counts [DTYPE …]`."""

import copy
import sys
from collections import Counter
from typing import Any

import numpy as np

from attn_cli.analysis.check.check import CheckReport, check
from attn_cli.analysis.check.reading import read_dump
from tests.analysis.check.mistakes import MISTAKES, REMARKS, SOUND, Mistake
from tests.analysis.check.plain import BLENDED, OUTER, OUTPUT, ROUNDED, WEIGHTS, Plain


def verdict(mistake: Mistake, found: CheckReport) -> str:
    """named, one of several, no cause, wrong, or sound; a false alarm where nothing is wrong."""
    faults = [finding for finding in found.findings if finding.severity == "fault"]
    named = [finding.code for finding in found.findings if finding.severity == mistake.severity]
    if mistake.severity == "remark":
        return "false alarm" if faults else "named" if mistake.code in named else "sound"
    if found.verdict != "faulty":
        return "sound"
    if named == [mistake.code]:
        return "named"
    others = [other.code for finding in faults for other in finding.alternatives]
    if mistake.code in named + others:
        return "one of several"
    return "no cause" if set(named) == {"does-not-follow"} else "wrong"


def hidden_by_rounding(plain: Plain, store: tuple[str, ...]) -> bool:
    """Whether a mistake changes the last array of a store by less than rounding what it is made of does."""
    sound = copy.copy(plain)
    for step in [name for name in vars(plain) if callable(getattr(Plain, name, None))]:
        delattr(sound, step)
    coarse = copy.copy(sound)
    coarse.x, coarse.w = plain.rounded(plain.x), {name: plain.rounded(matrix) for name, matrix in plain.w.items()}
    coarse.context = plain.rounded(plain.context) if plain.cross else coarse.x
    exact: dict[str, Any] = {}
    for name, layer in (("mistake", plain), ("sound", sound), ("coarse", coarse)):
        layer.with_output_matrix = "X" in store
        exact[name] = np.asarray(layer.stages()[store[-1]], np.float64)
    exact["coarse"] = np.asarray(plain.rounded(exact["coarse"]), np.float64)
    if exact["mistake"].shape != exact["sound"].shape:
        return False
    changed, rounding = (abs(exact[name] - exact["sound"]).max() for name in ("mistake", "coarse"))
    return bool(changed <= rounding)


def main() -> None:
    """Print the counts by dtype, and every case that is not named.

    A mistake that is called sound is indistinguishable where it changes less than rounding what is stored does.
    """
    for dtype, rounded in ((name, ROUNDED[name]) for name in sys.argv[1:] or ROUNDED):
        faulty, sound = Counter[str](), Counter[str]()
        for mistake in (*MISTAKES, *REMARKS):
            for store in mistake.stores:
                plain = mistake.make(seed=len(mistake.name))
                plain.rounded = rounded
                word = verdict(mistake, check(read_dump(plain.document(*store), "dump.npz")))
                if word == "sound" and mistake.severity == "fault" and hidden_by_rounding(plain, store):
                    word = "indistinguishable"
                (faulty if mistake.severity == "fault" else sound)[word] += 1
                if word != "named":
                    print(f"  {dtype}: {mistake.name}, in {', '.join(store)}: {word}")
        for make in SOUND.values():
            for store in (WEIGHTS, BLENDED, OUTPUT, OUTER):
                plain = make(seed=1)
                plain.rounded = rounded
                found = check(read_dump(plain.document(*store), "dump.npz"))
                sound["false alarm" if found.faults else "sound"] += 1
        print(f"{dtype}: faulty {dict(faulty)}; sound or with something left out {dict(sound)}")


if __name__ == "__main__":
    main()
