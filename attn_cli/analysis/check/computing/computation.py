"""Computation: any stage of a layer in float64 under any recipe, from the stages that it may start from."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field, replace

import numpy as np

from attn_cli.analysis.check.computing import score_steps
from attn_cli.analysis.check.computing.hiding import hidden
from attn_cli.analysis.check.computing.measured import (
    Measured,
    NotThereError,
    changed,
    exact,
    matrix,
    plus,
    product,
    stored,
)
from attn_cli.analysis.check.computing.recipe import MADE, Recipe
from attn_cli.analysis.check.computing.rounding import Rounding
from attn_cli.analysis.check.computing.vectors import cut, grown, joined, normed, placed, rotated
from attn_cli.analysis.check.dump import CHAIN, FORMS, Dump
from attn_cli.trace.trace import Array

Heads = tuple[int, ...]
Rows = tuple[int, ...] | None
_HELD = 2
"""So many products of all rows are held on to."""


@dataclass(frozen=True, eq=False, repr=False)
class Computation:
    """Stages made from those that `given` names; what several recipes share is made once.

    Heads are named by their place among those that are there; `rows` picks queries, None for all. Of the output only
    `columns` are made, all when None.
    """

    dump: Dump
    given: frozenset[str]
    rounding: Rounding
    columns: tuple[int, ...] | None = None
    _made: dict[Hashable, Measured] = field(default_factory=dict)
    _large: dict[Hashable, Measured] = field(default_factory=dict)

    def of_columns(self, columns: tuple[int, ...] | None) -> "Computation":
        """The same with only some columns of the output."""
        return replace(self, columns=columns)

    def stage(self, name: str, recipe: Recipe, heads: Heads | None = None, rows: Rows = None) -> Measured:
        """The stage of some heads and rows: (head, row, column), or (row, column) of a stage without heads."""
        heads = tuple(range(self.dump.heads)) if heads is None else heads
        if name in CHAIN:
            return self._scores(recipe, heads, rows, until=name)
        if name == "weights":
            return self._weights(recipe, heads, rows)
        if name == "sink_weight":
            weights = self._softmax(recipe, heads, rows)
            return Measured(1 - weights.value.sum(axis=2), weights.variance.sum(axis=2))
        if name == "head_output":
            return self._blended(recipe, heads, rows)
        return self._output(recipe, rows) if name == "output" else self._form(name, recipe)

    # from vectors to heads

    def _vectors(self, source: str, recipe: Recipe) -> Measured:
        """X or X_context (token, feature), positions added where the recipe adds them."""
        if source in self.given:
            return self._stored(source)
        before = "embedded" if source == "X" else "embedded_context"
        return placed(self.dump, self._stored(before), source, recipe.added, self.rounding)

    def _flat(self, name: str, recipe: Recipe) -> Measured:
        """Queries, keys or values before they are cut into heads (token, head · feature)."""
        source, flipped = recipe.sources["QKV".index(name)], name in recipe.transposed
        bias = recipe.bias_of(name)

        def make() -> Measured:
            if f"W_{name}" not in self.dump.matrices:
                raise NotThereError(name)
            x = self._vectors(source, recipe)
            flat = product(x, self._matrix(f"W_{name}", flipped=flipped), self.rounding)
            flat = plus(flat, exact(self.dump.matrices[bias]), self.rounding) if bias in self.dump.matrices else flat
            limit = recipe.clip
            return flat if limit is None else Measured(np.clip(flat.value, -limit, limit), flat.variance)

        return self._once(("flat", name, source, recipe.added, flipped, bias, recipe.clip), make)

    def _heads(self, slot: int, recipe: Recipe) -> tuple[Measured, str]:
        """The matrices that stand for queries, keys or values (head, token, feature), and the form they are in."""
        letter, how = recipe.roles[slot], recipe.cuts[slot]
        form = next((form for form in reversed(FORMS[letter[0]]) if form in self.given), letter)
        form = letter if letter in self.given else form
        if form in self.given and how == "split":
            return self._stored(form), form
        count = self.dump.layer.heads if letter[0] == "Q" else self.dump.layer.kv_heads
        mixed = how.startswith("qkv")

        def make() -> Measured:
            flats = [
                joined(self._stored(name)) if name in self.given else self._flat(name, recipe)
                for name in ("QKV" if mixed else form)
                if mixed or form in "QKV"
            ] or [joined(self._stored(form))]
            return cut(flats, "QKV".index(letter[0]) if mixed else 0, count, how)

        return self._once(("heads", *self._origin(slot, recipe)), make), form

    def _origin(self, slot: int, recipe: Recipe) -> tuple[Hashable, ...]:
        """All in a recipe that the matrices of a slot depend on, before norm and rotation."""
        letter, how = recipe.roles[slot], recipe.cuts[slot]
        whole = (recipe.sources, recipe.transposed, recipe.biases)
        name = letter[0]
        own = (recipe.sources["QKV".index(name)], name in recipe.transposed, recipe.bias_of(name))
        return letter, how, recipe.added, recipe.clip, *(whole if how.startswith("qkv") else own)

    def _turned(self, slot: int, recipe: Recipe, until: str = "") -> Measured:
        """Queries, keys or values after norm and rotation, as far as those are not in what is given."""
        x, form = self._heads(slot, recipe)
        x = self._last_rows(x) if slot == 0 else x
        letter = "QKV"[slot]
        done = (
            {"_normed", "_rotated"} if form.endswith("_rotated") else {"_normed"} if form.endswith("_normed") else set()
        )
        if recipe.norm_last and form.endswith("_rotated"):
            done = {"_rotated"}
        steps = ["_normed", "_rotated"][:: -1 if recipe.norm_last else 1]
        stand = recipe.stands[slot]
        key = ("turned", slot, until, *self._turning(slot, recipe))

        def make() -> Measured:
            turned = x
            for step in steps:
                acts = step not in done
                if acts and step == "_normed" and recipe.norm is not None and letter in recipe.norm.sides:
                    turned = normed(self.dump, turned, letter, recipe.norm, self.rounding)
                if acts and step == "_rotated" and recipe.rotation is not None and stand.rule != "zero":
                    turned = rotated(self.dump, turned, slot, stand, recipe.rotation, self.rounding)
                if until == step:
                    break
            if slot == 0 and recipe.growing is not None and self._grows(form, until):
                turned = grown(self.dump, turned, recipe.growing, stand, self.rounding)
            return turned

        return self._once(key, make)

    def _grows(self, form: str, until: str) -> bool:
        """Whether queries, made of a form up to another, are multiplied by what grows with their position."""
        declared = self.dump.recipe
        steps = [step for step, acts in (("_normed", declared.norm), ("_rotated", declared.rotation)) if acts]
        order = ["", *(steps[::-1] if declared.norm_last else steps)]
        start = order.index(form[1:]) if form in self.given and form[1:] in order else -1
        end = order.index(until) if until in order[1:] else len(order) - 1
        return start < len(order) - 1 == end

    def _turning(self, slot: int, recipe: Recipe) -> tuple[Hashable, ...]:
        """All in a recipe that the rotated matrices of a slot depend on."""
        return (
            *self._origin(slot, recipe),
            recipe.stands[slot],
            recipe.rotation,
            recipe.norm,
            recipe.norm_last,
            recipe.growing,
        )

    def _form(self, name: str, recipe: Recipe) -> Measured:
        """Q, K, V, or a later form of Q and K, of all heads that it has."""
        letter, underscore, form = name.partition("_")
        slot = "QKV".index(letter)
        if form:
            return self._turned(slot, recipe, underscore + form)
        whole, held = self._heads(slot, recipe)
        whole = self._last_rows(whole) if slot == 0 else whole
        declared = self.dump.recipe
        last = slot == 0 and declared.norm is None and declared.rotation is None
        if last and recipe.growing is not None and held not in self.given:
            return grown(self.dump, whole, recipe.growing, recipe.stands[0], self.rounding)
        return whole

    def _last_rows(self, x: Measured) -> Measured:
        """Queries (head, query, feature) of the rows that later stages are stored of."""
        extra = x.value.shape[1] - self.dump.queries
        return x[:, extra:] if extra > 0 else x

    # on scores

    def _scores(self, recipe: Recipe, heads: Heads, rows: Rows, until: str = "") -> Measured:
        known = next((name for name in reversed(CHAIN) if name in self.given), None)
        if known is None:
            scores = self._product(recipe, heads, rows)
            if recipe.early_factor:
                scores = score_steps.scale(scores, recipe, self.rounding)
        else:
            scores = _rows(self._stored(known)[list(heads)], rows)
        usual = self.dump.recipe.steps
        done = set() if known in (None, "scores") else set(usual[: [MADE[step] for step in usual].index(known) + 1])
        done |= {"scale"} if recipe.early_factor else set()
        for step in () if until == "scores" else recipe.steps:
            if step not in done:
                scores = self._step(step, scores, recipe, heads, rows)
            if MADE[step] == until:
                break
        return scores

    def _step(self, step: str, scores: Measured, recipe: Recipe, heads: Heads, rows: Rows) -> Measured:
        if step == "scale":
            return score_steps.scale(scores, recipe, self.rounding)
        if step == "softcap":
            return score_steps.softcap(scores, recipe.cap, self.rounding)
        if step == "bias":
            return score_steps.bias(self.dump, scores, recipe, heads, rows, self.rounding)
        return score_steps.mask(scores, recipe, self._hidden(recipe, heads, rows), self.rounding)

    def _product(self, recipe: Recipe, heads: Heads, rows: Rows) -> Measured:
        """Q · Kᵀ of some heads and rows."""
        q, k = self._turned(0, recipe), self._turned(1, recipe)
        own = [recipe.query_heads[head] for head in heads]
        shared = [recipe.key_heads[head] for head in heads]

        def make() -> Measured:
            left, right = q[own], k[shared]
            if recipe.product == "exchanged":
                left, right = right, left
            if recipe.product == "reshaped":
                turned = right.mapped(lambda x: x.reshape(len(x), x.shape[2], x.shape[1]))
            else:
                turned = right.mapped(lambda x: x.swapaxes(1, 2))
            return product(_rows(left, rows), turned, self.rounding)

        turning = (self._turning(0, recipe), self._turning(1, recipe))
        key = ("product", recipe.product, tuple(own), tuple(shared), rows, *turning)
        return self._once(key, make) if rows is not None else self._lately(key, make)

    # softmax and after

    def _softmax(self, recipe: Recipe, heads: Heads, rows: Rows) -> Measured:
        whole = recipe.over in ("queries", "all")
        every = tuple(range(self.dump.heads)) if recipe.over == "heads" else heads
        scores = self._scores(recipe, every, None if whole else rows)
        sinks = None if recipe.sinks is None else np.array(recipe.sinks)[list(every), np.newaxis, np.newaxis]
        weights = score_steps.OVER[recipe.over](scores, sinks, self.rounding)
        weights = weights[list(heads)] if recipe.over == "heads" else weights
        return _rows(weights, rows) if whole else weights

    def _weights(self, recipe: Recipe, heads: Heads, rows: Rows) -> Measured:
        if "weights" in self.given:
            weights = self._stored("weights")[list(heads)]
            if recipe.flipped:
                weights = weights.mapped(lambda x: x.swapaxes(1, 2))
            weights = _rows(weights, rows)
            return _averaged(weights) if recipe.averaged else weights
        every = tuple(range(self.dump.heads)) if recipe.averaged else heads
        made = None if recipe.flipped else rows
        weights = self._softmax(recipe, every, made)
        if recipe.left:
            weights = self._shared(weights, every, made)
        if recipe.fill.kind.startswith("late"):
            where = self._hidden(recipe, every, made)
            late = weights.value + recipe.fill.value if recipe.fill.kind == "late add" else 0.0
            weights = changed(weights, np.where(where, late, weights.value), self.rounding)
        if recipe.averaged:
            weights = _averaged(weights)[list(heads)]
        if recipe.flipped:
            weights = _rows(weights.mapped(lambda x: x.swapaxes(1, 2)), rows)
        if recipe.kept is not None and "weights" in self.dump.stored:
            there = _rows(exact(self.dump.stored["weights"][list(heads)]), rows).value != 0
            weights = weights.times(recipe.kept * there)
        return weights

    def _shared(self, weights: Measured, heads: Heads, rows: Rows) -> Measured:
        """Weights of what a sink leaves to the keys: 1 less its share, and so as inexact as 1, or what is stored."""
        share, stored_weights = self.dump.stored.get("sink_weight"), self.dump.stored.get("weights")
        if share is not None:
            left = 1.0 - share.astype(np.float64)
        elif stored_weights is not None:
            left = stored_weights.astype(np.float64).sum(axis=2)
        else:
            return weights
        own = _rows(exact(left[list(heads), :, np.newaxis]), rows).value
        error = np.square(self.rounding.relative) + np.square(self.dump.absolute("sink_weight") / 2)
        return Measured(weights.value * own, weights.variance * np.square(own) + error * np.square(weights.value))

    def _blended(self, recipe: Recipe, heads: Heads, rows: Rows) -> Measured:
        if "head_output" in self.given:
            return _rows(self._stored("head_output")[list(heads)], rows)
        values = self._turned(2, recipe)[[recipe.value_heads[head] for head in heads]]
        return product(self._weights(recipe, heads, rows), values, self.rounding)

    def _output(self, recipe: Recipe, rows: Rows) -> Measured:
        every = recipe.output_heads or tuple(range(self.dump.heads))
        whole = recipe.joined != "side by side"
        blended = self._blended(recipe, tuple(range(self.dump.heads)), None if whole else rows)[list(every)]
        flat = blended.mapped(score_steps.JOINED[recipe.joined])
        flat = _rows(flat[np.newaxis], rows)[0] if whole else flat
        if "W_O" in self.dump.matrices and recipe.output_matrix != "none":
            flat = product(flat, self._output_matrix(flipped=recipe.output_matrix == "transposed"), self.rounding)
        else:
            flat = self._some_columns(flat)
        if (bias := self.dump.matrices.get(recipe.bias_of("O"))) is not None:
            flat = plus(flat, self._some_columns(exact(bias)), self.rounding)
        if recipe.residual:
            beside = self._last_rows(stored(self.dump.stored[recipe.residual], self.rounding)[np.newaxis])
            flat = plus(flat, self._some_columns(_rows(beside, rows)[0]), self.rounding)
        return flat

    def _some_columns(self, x: Measured) -> Measured:
        return x if self.columns is None else x[..., list(self.columns)]

    def _output_matrix(self, *, flipped: bool) -> Measured:
        whole = self.dump.matrices["W_O"]
        if self.columns is None:
            return self._matrix("W_O", flipped=flipped)
        columns = list(self.columns)

        def made() -> Measured:
            return matrix((whole.T if flipped else whole)[:, columns])

        return self._once(("columns", self.columns, flipped), made)

    # what steps need

    def _hidden(self, recipe: Recipe, heads: Heads, rows: Rows) -> Array:
        where = hidden(self.dump, recipe.hides, rows)
        return where if len(where) == 1 else where[list(heads)]

    def _matrix(self, name: str, *, flipped: bool) -> Measured:
        given = self.dump.matrices[name]
        return self._once(("matrix", name, flipped), lambda: matrix(given.T if flipped else given))

    def _stored(self, name: str) -> Measured:
        if name not in self.given:
            raise NotThereError(name)
        return self._once(("stored", name), lambda: stored(self.dump.stored[name], self.rounding))

    def _lately(self, key: Hashable, make: Callable[[], Measured]) -> Measured:
        """A large array, of which the last few are held on to."""
        if key not in self._large:
            while len(self._large) >= _HELD:
                del self._large[next(iter(self._large))]
            self._large[key] = make()
        return self._large[key]

    def _once(self, key: Hashable, make: Callable[[], Measured]) -> Measured:
        found = self._made.get(key)
        if found is None:
            found = self._made[key] = make()
        return found


def _rows(x: Measured, rows: Rows) -> Measured:
    """Some rows of (head, row, column)."""
    return x if rows is None else x[:, list(rows)]


def _averaged(weights: Measured) -> Measured:
    mean = weights.value.mean(axis=0, keepdims=True)
    variance = weights.variance.mean(axis=0, keepdims=True)
    shape = weights.value.shape
    return Measured(np.broadcast_to(mean, shape), np.broadcast_to(variance, shape))
