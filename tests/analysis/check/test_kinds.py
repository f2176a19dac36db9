"""Each mistake, planted into a sound layer, is named by its own name and no other, wherever it shows."""

import numpy as np
import pytest

from attn_cli.analysis.check.check import CheckReport, check
from attn_cli.analysis.check.reading import read_dump
from tests.analysis.check.mistakes import MISTAKES, REMARKS, SOUND, Mistake
from tests.analysis.check.plain import ALL, BLENDED, MODULE, OUTER, OUTPUT, ROUNDED, WEIGHTS, Plain

REMARKS_ON_HEADS = {"saturated-head", "uniform-head", "one-key-head", "masked-early"}
# What is smaller than the rounding of bfloat16 or float16 cannot be seen in outputs that went through it.
FAINT = {
    "−10 added",
    "padding of −5",
    "a temperature",
    "a base that nobody uses",
    "√ of the tokens",
    "softcap, undeclared",
}


def report(plain: Plain, store: tuple[str, ...], dtype: str = "float32") -> CheckReport:
    plain.rounded = ROUNDED[dtype]
    return check(read_dump(plain.document(*store), "dump.npz"))


def each(mistakes: tuple[Mistake, ...]) -> list[object]:
    cases = [(mistake, store) for mistake in mistakes for store in mistake.stores]
    return [pytest.param(m, s, n % 5, id=f"{m.name} in {s[-1]}") for n, (m, s) in enumerate(cases)]


@pytest.mark.parametrize(("mistake", "store", "seed"), each(MISTAKES))
def test_a_mistake_is_named(mistake: Mistake, store: tuple[str, ...], seed: int) -> None:
    found = report(mistake.make(seed=seed), store)
    assert [finding.code for finding in found.findings if finding.severity == "fault"] == [mistake.code]
    assert found.verdict == "faulty"


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("mistake", [m for m in MISTAKES if m.name not in FAINT], ids=lambda m: m.name)
def test_a_mistake_is_named_in_every_dtype(mistake: Mistake, dtype: str) -> None:
    found = report(mistake.make(seed=1), mistake.stores[0], dtype)
    faults = [finding for finding in found.findings if finding.severity == "fault"]
    assert mistake.code in [code for f in faults for code in (f.code, *(other.code for other in f.alternatives))]
    assert len(faults) == 1


@pytest.mark.parametrize(("remark", "store", "seed"), each(REMARKS))
def test_what_a_file_leaves_out_is_a_remark_and_no_fault(remark: Mistake, store: tuple[str, ...], seed: int) -> None:
    found = report(remark.make(seed=seed), store)
    assert (found.verdict, found.faults) == ("sound", 0)
    assert remark.code in [finding.code for finding in found.findings]


@pytest.mark.parametrize(
    "store", [WEIGHTS, BLENDED, OUTPUT, OUTER, ALL, MODULE, (*MODULE, *OUTER)], ids=lambda s: s[-1]
)
@pytest.mark.parametrize("name", SOUND)
def test_a_sound_layer_gives_no_alarm(name: str, store: tuple[str, ...]) -> None:
    plain = SOUND[name](seed=len(store))
    if "X" in store and plain.queries != plain.keys:
        store = tuple(stage for stage in store if stage != "X") if len(store) > 2 else OUTPUT
    if store == ALL:
        later = {"softcapped": "softcap" in plain.settings, "biased": plain.bias(np.zeros((1, 1, 1))).any()}
        store = (*ALL[:5], *(stage for stage, there in later.items() if there), *ALL[5:])
    if store == ALL and plain.settings.keys() & {"positions", "qk_norm"}:
        rope = str(plain.settings.get("positions")).startswith("rope")
        forms = [form for form, there in (("normed", "qk_norm" in plain.settings), ("rotated", rope)) if there]
        if "after=rotation" in str(plain.settings.get("qk_norm")):
            forms = []  # what is called rotated here is normed too
        store = (*ALL[:3], *(f"{name}_{form}" for form in forms for name in "QK"), *ALL[3:])
    for dtype in ROUNDED if store == WEIGHTS else ("float32", "bfloat16"):
        found = report(plain, store, dtype)
        assert [f for f in found.findings if f.code not in REMARKS_ON_HEADS] == []
        assert found.verdict == "sound"


@pytest.mark.parametrize("heads", [1, 2, 5])
@pytest.mark.parametrize("name", ["mask forgotten", "scale forgotten", "−10 added", "not rotated", "dropout 0.25"])
def test_a_mistake_is_named_in_one_head_and_in_several(name: str, heads: int) -> None:
    (mistake,) = (mistake for mistake in MISTAKES if mistake.name == name)
    found = report(mistake.make(heads=heads, queries=11, d_k=6, d_v=4), mistake.stores[0])
    assert [finding.code for finding in found.findings] == [mistake.code]
    assert found.findings[0].heads == {"layers.0": tuple(range(heads))}


@pytest.mark.parametrize("name", ["mask forgotten", "mask inverted", "−10 added", "divided by d", "K not rotated"])
def test_a_mistake_is_named_in_grouped_heads(name: str) -> None:
    (mistake,) = (mistake for mistake in MISTAKES if mistake.name == name)
    for store in mistake.stores[:2]:
        found = report(mistake.make(heads=6, groups=2), store)
        assert [finding.code for finding in found.findings] == [mistake.code]


@pytest.mark.parametrize(
    ("names", "codes"),
    [
        (("mask forgotten", "scale forgotten"), {"mask-missing", "scale-missing"}),
        (("groups tiled", "mask forgotten"), {"heads-tiled", "mask-missing"}),
        (("not rotated", "mask forgotten"), {"rotation-missing", "mask-missing"}),
    ],
)
@pytest.mark.parametrize("store", [WEIGHTS, BLENDED])
def test_two_mistakes_at_once_are_both_named(names: tuple[str, str], codes: set[str], store: tuple[str, ...]) -> None:
    both = [next(mistake for mistake in MISTAKES if mistake.name == name) for name in names]
    plain, second = (
        both[0].make(seed=2),
        both[1].make(seed=2, **({"heads": 4, "groups": 2} if "groups" in names[0] else {})),
    )
    for step, method in vars(second).items():
        if callable(method) and step not in vars(plain):
            setattr(plain, step, method)
    found = report(plain, store)
    assert {finding.code for finding in found.findings} == codes


def test_numbers_that_nothing_explains_are_not_given_a_cause() -> None:
    plain = Plain(mask="causal", seed=4)
    plain.out = lambda flat: np.random.default_rng(0).normal(size=flat.shape)  # type: ignore[method-assign]
    (finding,) = report(plain, OUTPUT).findings
    assert (finding.code, finding.worst.stage, finding.alternatives) == ("does-not-follow", "output", ())
    assert finding.worst.numbers["difference"] > 0.1
