"""Weights against the scores before them: right, or by which mistake."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from attn_cli.analysis.check.dump import Dump
from attn_cli.analysis.check.findings import Mark
from attn_cli.analysis.check.links import told
from attn_cli.analysis.check.masks import mistaken
from attn_cli.analysis.check.recipe import EVERY, Gap, Guess, Recipe, gap, named
from attn_cli.analysis.check.scale import FREEDOM, fitted_temperature, mistaken_factors, scale_words
from attn_cli.analysis.check.scores import product, product_mistakes
from attn_cli.core.masks import NoMask
from attn_cli.trace.stages import CHAIN
from attn_cli.trace.trace import Array

TELLING = 1e-3  # a weight above this tells something of its score


def check_softmax(dump: Dump, skip: Collection[int]) -> Iterator[Mark]:
    """A mark on each head, by its place and none in `skip`, whose weights do not follow."""
    right = recipe_of(dump)
    if right is None or "weights" not in dump.stored:
        return
    found = _gap(dump, right)
    wrong = [place for place in np.flatnonzero(~found.fits).tolist() if place not in skip]
    start = _earliest(dump, right)
    if _unsure(dump):
        wrong = [place for place in wrong if _tells(dump, place)]
    if not wrong:
        return
    reasons = named(start, list(_guesses(dump, start)), lambda *some: _gap(dump, *some).fits, wrong)
    reasons |= _temperatures(dump, start, [place for place in wrong if place not in reasons])
    for place in wrong:
        reason = reasons.get(place)
        if reason is not None or not _unsure(dump):
            yield from _marks(dump, right, found, place, reason)


def _tells(dump: Dump, place: int) -> bool:
    """Whether enough of a head's weights are neither 0 nor 1 to tell one mistake from another."""
    weights = dump.stages["weights"][place]
    clear = weights > TELLING
    return int(clear.sum() - clear.any(axis=1).sum()) >= FREEDOM


def _unsure(dump: Dump) -> bool:
    """Whether something may have acted that a trace does not carry: a bias, or positions."""
    turned = dump.unplaced and not dump.chain()
    sloped = dump.given is None and dump.bias is not None and "biased" not in dump.stored
    return dump.unseen or turned or sloped


def recipe_of(dump: Dump) -> Recipe | None:
    """Weights from the latest scores that are stored, else from Q and K, by the steps that are declared and left."""
    chain = dump.chain()
    if chain:
        latest = chain[-1]
        base, slack = dump.stages[latest], np.asarray(dump.absolute(latest))
        done = max(CHAIN.index(name) for name in chain)
    else:
        made = product(dump)
        if made is None:
            return None
        base, slack = made
        done = 0
    hidden = dump.hidden if done < CHAIN.index("masked") else None
    if dump.unseen:
        unlooked = dump.stages["weights"] == 0 if "weights" in dump.stages else np.zeros(dump.shape, dtype=bool)
        hidden = unlooked if hidden is None else hidden | unlooked
    return Recipe(
        base=base,
        slack=slack,
        relative=dump.relative,
        factor=(1.0 if dump.factor is None else dump.factor) if done < CHAIN.index("scaled") else 1.0,
        cap=dump.spec.softcap if done < CHAIN.index("softcapped") else None,
        bias=dump.bias if done < CHAIN.index("biased") else None,
        hidden=hidden,
        sinks=dump.sinks,
        left=_left(dump) if dump.sinks is None else None,
        doubt=dump.absolute("sink_weight") if "sink_weight" in dump.stages else 0.0,
    )


def _left(dump: Dump) -> Array | None:
    """What a sink leaves to the keys (head, query), where the sink itself is not known; None without one."""
    if "sink_weight" in dump.stages:
        return np.asarray(1 - dump.stages["sink_weight"])
    sunk = any(stage.name == "weights" and "sink" in stage.formula for stage in dump.layer.stages)
    return dump.stages["weights"].sum(axis=-1) if sunk else None


def _gap(dump: Dump, recipe: Recipe, places: list[int] | None = None, rows: slice = EVERY) -> Gap:
    """How the stored weights, of some heads and rows, differ from what a recipe gives for these."""
    weights, slack = recipe.weights()
    stored = dump.stages["weights"] if places is None else dump.stages["weights"][places][:, rows]
    return gap(stored, weights, slack + dump.absolute("weights"))


def _earliest(dump: Dump, right: Recipe) -> Recipe:
    """The same weights from scores on, all later steps as they are stored or declared: where mistakes are tried."""
    chain = dump.chain()
    if not chain or chain[0] != "scores" or list(chain) != [name for name in CHAIN if name in chain]:
        return right
    bias = dump.bias
    if "biased" in chain:
        before = chain[chain.index("biased") - 1]
        bias = dump.stages["biased"] - dump.advanced(before, "biased")
        bias = np.where(np.isfinite(bias), bias, 0.0)
    return replace(
        right,
        base=dump.stages["scores"],
        slack=np.asarray(dump.absolute("scores")),
        factor=1.0 if dump.factor is None else dump.factor,
        cap=dump.spec.softcap,
        bias=bias,
        hidden=np.isneginf(dump.stages["masked"]) if "masked" in chain else right.hidden,
    )


def _guesses(dump: Dump, start: Recipe) -> Iterator[Guess]:
    """Every usual mistake, the likeliest first."""
    scaled = dump.chain()[:1] in (("scores",), ())
    for factor in mistaken_factors(dump):
        value = factor.value if scaled else factor.value / (dump.factor or 1.0)
        if scaled or "scaled" in dump.chain():
            yield Guess("factor", factor.code, {"factor": value}, factor.words)
    for hiding in mistaken(dump):
        if hiding.code != "mask-undeclared":
            yield Guess("hidden", hiding.code, {"hidden": hiding.hidden}, hiding.words)
    if start.hidden is not None:
        yield Guess("hidden", "mask-missing", {"hidden": None}, {"what": "the mask"})
        yield Guess("late", "mask-after-softmax", {"late": True})
    for over in ("queries", "heads", "all"):
        if not (over == "heads" and dump.shape[0] == 1) and not (over != "heads" and dump.shape[1] == 1):
            yield Guess("over", f"softmax-over-{over}", {"over": over, "sinks": None, "left": None})
    if not dump.chain():
        for mistake in product_mistakes(dump):
            yield Guess("base", mistake.code, {"base": mistake.made()}, mistake.words)
    if start.cap is not None:
        yield Guess("cap", "softcap-missing", {"cap": None}, {"cap": f"{start.cap:g}"})
    if start.bias is not None:
        yield Guess("bias", "bias-missing", {"bias": None}, {"what": dump.bias_words or "the bias"})
    if start.sinks is not None or start.left is not None:
        yield Guess("sinks", "sinks-missing", {"sinks": None, "left": None})
    yield from _undeclared(dump, start)


def _undeclared(dump: Dump, start: Recipe) -> Iterator[Guess]:
    """Hiding of which the dump does not speak: a causal mask, or whatever weighs 0."""
    if (dump.given is not None and dump.hidden is not None) or "mask" in dump.stated:
        return
    for hiding in mistaken(dump):
        if hiding.code == "mask-undeclared":
            yield Guess("hidden", hiding.code, {"hidden": hiding.hidden}, hiding.words)
    zero = (dump.stages["weights"] == 0).all(axis=0)  # (query, key), for all heads
    if not isinstance(dump.spec.mask, NoMask):
        zero = np.broadcast_to(zero.all(axis=0), zero.shape)  # keys that nobody looks at: padding
    zero = zero & ~zero.all(axis=1, keepdims=True)
    if zero.any() and all(_tells(dump, place) for place in range(dump.shape[0])):
        hidden = np.broadcast_to(zero, dump.shape) if start.hidden is None else zero | start.hidden
        yield Guess("hidden", "mask-undeclared", {"hidden": hidden}, {"mask": "a mask that hides what weighs 0"})


def _temperatures(dump: Dump, start: Recipe, places: list[int]) -> dict[int, tuple[Guess, ...]]:
    """The one scale that the weights of these heads show, for those that follow under it; () where none is declared."""
    if not places or start.cap is not None or start.bias is not None:
        return {}
    keys = dump.shape[2]
    scores = replace(start, factor=1.0).only(places).logits()[0].reshape(-1, keys)
    least = max(1e-6, 100 * dump.absolute("weights"))
    value = fitted_temperature(scores, dump.stages["weights"][places].reshape(-1, keys), least)
    if value is None:
        return {}
    fits = _gap(dump, replace(start, factor=value).only(places), places).fits
    known = start.factor if dump.chain()[:1] in (("scores",), ()) else 1.0
    words = scale_words(dump) | {"found": f"{value / known * (dump.factor or 1.0):.4g}"}
    reason = () if dump.factor is None else (Guess("factor", "scale-wrong", {"factor": value}, words),)
    return {place: reason for place, fitting in zip(places, fits.tolist(), strict=True) if fitting}


def _marks(dump: Dump, right: Recipe, found: Gap, place: int, reason: Sequence[Guess] | None) -> Iterator[Mark]:
    cell = found.places[place]
    expected = float(right.only([place]).weights()[0][0][cell])
    stored = float(dump.stages["weights"][place][cell])
    numbers: Mapping[str, float] = {"stored": stored, "expected": expected, "difference": abs(stored - expected)}
    facts = {"size": float(found.sizes[place]), "evidence": told(numbers), "numbers": numbers}
    if reason is None:
        source = dump.chain()[-1] if dump.chain() else f"{dump.form('Q')} and {dump.form('K')}"
        yield dump.mark("does-not-follow", "weights", place, cell, words={"source": source}, **facts)
        return
    for guess in reason:
        if guess.code:
            yield dump.mark(guess.code, "weights", place, cell, words=guess.words, **facts)
