"""The ways in which a softcap goes wrong."""

from collections.abc import Iterator
from dataclasses import replace

from attn_cli.analysis.check.computing.recipe import Cap, Recipe
from attn_cli.analysis.check.deviations.deviation import Deviation, Solved, Variant
from attn_cli.analysis.check.dump import Dump

Changes = Iterator[Variant | Solved]


def _uncapped(dump: Dump, recipe: Recipe) -> Changes:
    if recipe.cap is not None:
        yield Variant(replace(recipe, cap=None), {"cap": f"{recipe.cap.cap:g}"})


def _moved(recipe: Recipe, step: str, place: int) -> Recipe:
    rest = [name for name in recipe.steps if name != step]
    return replace(recipe, steps=(*rest[:place], step, *rest[place:]))


def _cap_after_mask(dump: Dump, recipe: Recipe) -> Changes:
    if recipe.cap is not None:
        yield Variant(_moved(recipe, "softcap", 3), {"cap": f"{recipe.cap.cap:g}"})


def _cap_early(dump: Dump, recipe: Recipe) -> Changes:
    if recipe.cap is not None:
        yield Variant(_moved(recipe, "softcap", 0), {"cap": f"{recipe.cap.cap:g}", "where": "before the scale"})
        if recipe.slopes is not None or dump.bias is not None:
            yield Variant(_moved(recipe, "softcap", 2), {"cap": f"{recipe.cap.cap:g}", "where": "after the bias"})


_FORMULAS = {
    "times": "x · tanh(x / {cap})",
    "unscaled": "tanh(x / {cap})",
    "undivided": "{cap} · tanh(x)",
}


def _cap_formula(dump: Dump, recipe: Recipe) -> Changes:
    if recipe.cap is not None:
        cap = f"{recipe.cap.cap:g}"
        for form, formula in _FORMULAS.items():
            words = {"formula": formula.format(cap=cap), "cap": cap}
            yield Variant(replace(recipe, cap=replace(recipe.cap, form=form)), words)


def _other_cap(dump: Dump, recipe: Recipe) -> Changes:
    if recipe.cap is not None:
        cap = recipe.cap
        yield Solved(
            tuple(cap.cap * times for times in (0.05, 0.15, 0.3, 0.5, 0.8, 1.3, 2.0, 3.0, 6.0, 15.0)),
            lambda numbers: replace(recipe, cap=Cap(max(abs(numbers[0]), 1e-6))),
            lambda numbers: {"cap": f"{cap.cap:g}", "found": f"{abs(numbers[0]):.4g}"},
        )


def _undeclared_cap(dump: Dump, recipe: Recipe) -> Changes:
    if recipe.cap is None and "softcap" not in dump.stated:
        yield Solved(
            (0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 50.0),
            lambda numbers: replace(recipe, cap=Cap(max(abs(numbers[0]), 1e-3))),
            lambda numbers: {"found": f"{abs(numbers[0]):.4g}"},
            taken=lambda numbers: abs(numbers[0]) < 300,
        )


SOFTCAPS = (
    Deviation(
        "softcap-missing",
        "softcap",
        _uncapped,
        "the softcap of {cap} does not act on {stage}",
        "cap · tanh(scores / cap) was left out: fused kernels often have no softcap",
        "apply it before the mask, or declare no softcap",
        common=True,
    ),
    Deviation(
        "softcap-after-mask",
        "softcap",
        _cap_after_mask,
        "the softcap acts after the mask: −∞ became −{cap}, and hidden keys weigh something",
        "cap · tanh(scores / cap) was applied to masked scores",
        "cap the scores first, then set hidden ones to −∞",
        common=True,
    ),
    Deviation(
        "softcap-order",
        "softcap",
        _cap_early,
        "the softcap of {cap} acts {where}",
        "the steps on scores run in another order than scale, softcap, bias, mask",
        "scale, then cap, then add biases, then mask",
        common=True,
    ),
    Deviation(
        "softcap-formula",
        "softcap",
        _cap_formula,
        "the softcap is computed as {formula}",
        "a factor of cap · tanh(x / cap) was left out or exchanged",
        "{cap} · tanh(scores / {cap})",
    ),
    Deviation(
        "softcap-wrong",
        "softcap",
        _other_cap,
        "the softcap is {found} instead of {cap}",
        "another cap was used than the one that is declared",
        "cap at {cap}, or declare softcap {found}",
    ),
    Deviation(
        "softcap-undeclared",
        "softcap",
        _undeclared_cap,
        "{stage} {follows} under a softcap of {found}, which the file does not declare",
        "the file does not store the softcap",
        "declare it (--softcap, or softcap in the file), so that it can be checked",
        severity="remark",
    ),
)
