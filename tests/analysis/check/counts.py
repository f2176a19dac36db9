"""Counts what check says of every mistake, remark and sound layer: `python -m tests.analysis.check.counts`."""

from collections import Counter

from attn_cli.analysis.check.check import CheckReport, check
from attn_cli.analysis.check.reading import read_dump
from tests.analysis.check.mistakes import MISTAKES, REMARKS, SOUND, Mistake
from tests.analysis.check.plain import BLENDED, OUTER, OUTPUT, ROUNDED, WEIGHTS


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


def main() -> None:
    """Print the counts by dtype, and every case that is not named."""
    for dtype, rounded in ROUNDED.items():
        faulty, sound = Counter[str](), Counter[str]()
        for mistake in (*MISTAKES, *REMARKS):
            for store in mistake.stores:
                plain = mistake.make(seed=len(mistake.name))
                plain.rounded = rounded
                word = verdict(mistake, check(read_dump(plain.document(*store), "dump.npz")))
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
