"""The stages before softmax, each against the one before it: projections, scores, scale, softcap, bias, mask."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from itertools import pairwise

import numpy as np

from attn_cli.analysis.check.dump import Dump
from attn_cli.analysis.check.findings import Mark
from attn_cli.analysis.check.links import Mistake, follow
from attn_cli.analysis.check.masks import mistaken, spelled
from attn_cli.analysis.check.scale import fitted_factor, mistaken_factors, scale_words
from attn_cli.core.attention import attend
from attn_cli.core.masks import NoMask
from attn_cli.core.ops import join_heads, split_heads
from attn_cli.core.spec import Extras
from attn_cli.trace.stages import FORMS
from attn_cli.trace.trace import Array

Bad = Mapping[str, Collection[int]]
"""Places of heads whose stage holds NaN or infinities; they are not looked at again."""


def check_projections(dump: Dump, bad: Bad) -> Iterator[Mark]:
    """Stored Q, K and V against X and its matrices, where a document has both."""
    found = dump.given
    if found is None or not {"embedded", "X"} & set(found.given):
        return
    matrices = found.projections.given()
    names = [name for name in "QKV" if name in dump.stored and f"W_{name}" in matrices]
    if not names:
        return
    start = {name: array for name, array in found.given.items() if name[0] in "eX"}
    placed = Extras(
        position_embeddings=found.extras.position_embeddings,
        position_ids=found.extras.position_ids,
        position_ids_context=found.extras.position_ids_context,
    )
    spec = replace(found.spec, dtype="float64")
    keep = ("X", "X_context", *"QKV")
    context = found.context_tokens
    made = attend(found.tokens, start, found.projections, spec, extras=placed, context_tokens=context, keep=keep)
    for name in names:
        source = "X_context" if name != "Q" and "X_context" in made else "X"
        expected = made[name]
        sizes = split_heads(abs(made[source]) @ abs(matrices[f"W_{name}"].astype(np.float64)), len(expected))
        cut = join_heads(expected).reshape(expected.shape)
        slack = dump.relative * (sizes + abs(expected)) + dump.absolute(name)
        mistakes = [Mistake("heads-reshaped", lambda cut=cut: cut)]  # type: ignore[misc]
        yield from follow(dump, name, f"{source} and W_{name}", expected, slack, mistakes, skip=bad.get(name, ()))


def product(dump: Dump, forms: tuple[str, str] | None = None) -> tuple[Array, Array] | None:
    """Q · Kᵀ (head, query, key) as it should be, and how far it may be off; None without Q or K."""
    q_form, k_form = forms or (dump.form("Q"), dump.form("K"))
    if q_form is None or k_form is None:
        return None
    q, k = dump.stages[q_form], dump.per_head(k_form)
    sizes = abs(q) @ abs(k).swapaxes(1, 2)
    rounded = dump.absolute(k_form) * abs(q).sum(axis=2)[:, :, np.newaxis]
    rounded = rounded + dump.absolute(q_form) * abs(k).sum(axis=2)[:, np.newaxis, :]
    return q @ k.swapaxes(1, 2), dump.relative * sizes + rounded


def product_mistakes(dump: Dump) -> Iterator[Mistake]:
    """What Q · Kᵀ becomes by the usual mistakes."""
    q_form, k_form = dump.form("Q"), dump.form("K")
    if q_form is None or k_form is None:
        return
    q, k = dump.stages[q_form], dump.per_head(k_form)
    heads, keys, width = k.shape
    if (tiled := dump.tiled()) is not None:
        words = {"groups": str(dump.layer.kv_heads), "heads": str(dump.layer.heads)}
        words["share"] = str(dump.layer.heads // dump.layer.kv_heads)
        yield Mistake("heads-tiled", lambda: q @ dump.per_head(k_form, tiled).swapaxes(1, 2), words)
    yield Mistake("keys-reshaped", lambda: q @ k.reshape(heads, width, keys))
    whole = dump.stages[k_form]
    if len(whole) > 1 and keys > 1:
        own = [dump.layer.kv_head_index.index(dump.layer.key_head(head)) for head in dump.layer.head_index]
        yield Mistake("heads-reshaped", lambda: q @ join_heads(whole).reshape(whole.shape)[own].swapaxes(1, 2))
    if q.shape[1] == keys > 1:
        yield Mistake("scores-transposed", lambda: k @ q.swapaxes(1, 2))
    for earlier in _earlier(dump, q_form, k_form):
        made = product(dump, earlier)
        if made is not None:
            code = "" if dump.unplaced else "rotation-missing"
            forms = {"forms": f"{q_form} and {k_form}"}
            yield Mistake(code, lambda made=made: made[0], forms)  # type: ignore[misc]


def _earlier(dump: Dump, q_form: str, k_form: str) -> Iterator[tuple[str, str]]:
    """Pairs of forms of Q and K before the ones that are matched."""
    for q, k in zip(reversed(FORMS["Q"]), reversed(FORMS["K"]), strict=True):
        if (q, k) != (q_form, k_form) and q in dump.stages and k in dump.stages:
            yield q, k


def check_scores(dump: Dump, bad: Bad) -> Iterator[Mark]:
    """Scores against Q and K; infinities that hide are left out."""
    made = product(dump) if "scores" in dump.stored else None
    if made is None:
        return
    scores = dump.stages["scores"]
    early = np.isneginf(scores)
    expected, slack = np.where(early, -np.inf, made[0]), made[1] + dump.absolute("scores")
    mistakes = list(product_mistakes(dump))
    if (factor := dump.factor) not in (None, 1.0):
        mistakes.insert(0, Mistake("scores-already-scaled", lambda: expected * factor))
    forms = f"{dump.form('Q')} and {dump.form('K')}"
    skip = {*bad.get("scores", ()), *bad.get(dump.form("Q") or "", ()), *bad.get("keys", ())}
    yield from follow(dump, "scores", forms, expected, slack, mistakes, skip=skip, unsure=dump.unplaced)


def check_steps(dump: Dump, bad: Bad) -> Iterator[Mark]:
    """Scaled, softcapped, biased and masked scores, each against the stored stage before it."""
    chain = dump.chain()
    for before, stage in pairwise(chain):
        skip = {*bad.get(stage, ()), *bad.get(before, ())}
        yield from _STEPS[stage](dump, before, stage, skip)


def _slack(dump: Dump, before: str, stage: str, factor: float = 1.0) -> Array:
    """How far an elementwise step may be off, besides what it adds."""
    known, advanced = dump.stages[before], dump.advanced(before, stage)
    sizes = abs(known)
    if advanced is not known:
        sizes = sizes + abs(advanced) + abs(advanced - known)
    sizes = np.where(np.isfinite(sizes), sizes, 0.0)
    return np.asarray(dump.relative * sizes * factor + dump.absolute(before) * factor + dump.absolute(stage))


def _scaled(dump: Dump, before: str, stage: str, skip: Collection[int]) -> Iterator[Mark]:
    known, factor = dump.stages[before], dump.factor
    if factor is None:
        factor = fitted_factor(*(np.where(np.isfinite(x), x, 0.0) for x in (known, dump.stages[stage]))) or 1.0
    mistakes = [Mistake(f.code, lambda f=f: known * f.value, f.words) for f in mistaken_factors(dump)]  # type: ignore[misc]
    finite = [np.where(np.isfinite(array), array, 0.0) for array in (known, dump.stages[stage])]
    if (found := fitted_factor(*finite)) is not None:
        words = scale_words(dump) | {"found": f"{found:.6g}"}
        mistakes.append(Mistake("scale-wrong", lambda: known * found, words))
    yield from follow(
        dump, stage, before, known * factor, _slack(dump, before, stage, abs(factor)), mistakes, skip=skip
    )


def _softcapped(dump: Dump, before: str, stage: str, skip: Collection[int]) -> Iterator[Mark]:
    cap, known = dump.spec.softcap, dump.advanced(before, stage)
    if cap is None:
        yield from follow(
            dump, stage, f"{before} without a declared softcap", known, _slack(dump, before, stage), skip=skip
        )
        return
    expected = np.where(np.isneginf(known), -np.inf, cap * np.tanh(known / cap))
    mistakes = [Mistake("softcap-missing", lambda: known, {"cap": f"{cap:g}"})]
    yield from follow(dump, stage, before, expected, _slack(dump, before, stage), mistakes, skip=skip)


def _biased(dump: Dump, before: str, stage: str, skip: Collection[int]) -> Iterator[Mark]:
    """Only a document says what was added; a trace shows it by the stage itself."""
    if dump.given is None:
        return
    known, bias = dump.advanced(before, stage), np.zeros(()) if dump.bias is None else dump.bias
    slack = _slack(dump, before, stage) + dump.relative * abs(bias)
    mistakes = [Mistake("bias-missing", lambda: known, {"what": dump.bias_words})] if dump.bias is not None else []
    source = f"{before} and {dump.bias_words or 'no declared bias'}"
    yield from follow(dump, stage, source, known + bias, slack, mistakes, skip=skip)


def _masked(dump: Dump, before: str, stage: str, skip: Collection[int]) -> Iterator[Mark]:
    """What is hidden, by the declared masks; what is not, as it was."""
    known = dump.advanced(before, stage)
    stored = np.isneginf(dump.stages[stage])  # (head, query, key)
    kept = np.where(stored, -np.inf, known)
    unsure = _unseen_bias(dump, before)
    yield from follow(dump, stage, before, kept, _slack(dump, before, stage), skip=skip, unsure=unsure)
    declared = np.zeros(dump.shape, dtype=bool) if dump.hidden is None else dump.hidden
    stored = stored & ~np.isneginf(known) | (declared & np.isneginf(known))
    strict = dump.given is not None or any(s.name == "masked" and s.formula for s in dump.layer.stages)
    for place in range(len(stored)):
        leaks, extra = declared[place] & ~stored[place], stored[place] & ~declared[place]
        if place not in skip and (leaks.any() or extra.any()):
            yield from _hiding(dump, place, leaks, extra, strict)


def _hiding(dump: Dump, place: int, leaks: Array, extra: Array, strict: bool) -> Iterator[Mark]:
    """How the stored mask of a head differs from what is declared: a known mistake, a lack, or too much."""
    stored = np.isneginf(dump.stages["masked"][place])
    cell = tuple(map(int, np.argwhere(leaks if leaks.any() else extra)[0]))
    numbers = {"visible_but_declared_hidden": int(leaks.sum()), "hidden_but_declared_visible": int(extra.sum())}
    evidence = f"{leaks.sum():,} cells are visible that should be hidden, {extra.sum():,} the other way round"
    facts = {"evidence": evidence, "numbers": numbers, "size": float(leaks.sum() + extra.sum())}
    for hiding in mistaken(dump):
        if hiding.code != "mask-undeclared" and np.array_equal(hiding.hidden[place], stored):
            yield dump.mark(hiding.code, "masked", place, cell, words=hiding.words, **facts)
            return
    name = "the declared mask" if isinstance(dump.spec.mask, NoMask) else f"the mask {spelled(dump.spec.mask)}"
    if leaks.any():
        yield dump.mark("does-not-follow", "masked", place, cell, words={"source": name}, **facts)
        return
    blind = stored.all(axis=1) & extra.any(axis=1)
    if blind.any() and "weights" not in dump.stored:
        query = int(np.flatnonzero(blind)[0])
        yield dump.mark("row-hidden", "masked", place, (query,), words={"mask": name}, **facts)
    elif strict and not blind.any():
        yield dump.mark("does-not-follow", "masked", place, cell, words={"source": name}, **facts)


def _unseen_bias(dump: Dump, before: str) -> bool:
    """Whether the masked scores came from a biased stage that is not stored."""
    formula = next((stage.formula for stage in dump.layer.stages if stage.name == "masked"), "")
    return before != "biased" and dump.given is None and ("= biased" in formula or dump.bias is not None)


_STEPS = {"scaled": _scaled, "softcapped": _softcapped, "biased": _biased, "masked": _masked}
