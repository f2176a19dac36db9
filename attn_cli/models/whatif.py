"""Changes to a checkpoint's run: another mask or temperature, ablated heads, set cells, removed tokens."""

from dataclasses import replace
from typing import TYPE_CHECKING

from attn_cli.core.masks import Mask
from attn_cli.core.spec import parse_mask
from attn_cli.errors import SpecError, UsageError
from attn_cli.models.layer_names import layer_names
from attn_cli.models.model import Model
from attn_cli.models.network.plan import LayerPlan, StackPlan
from attn_cli.models.tokenizers.tokenizer import Encoded
from attn_cli.sources.whatif import WhatIf

if TYPE_CHECKING:
    from attn_cli.core.edits import Edit

    Edits = tuple[Edit, ...]


def changed(model: Model, what_if: WhatIf) -> Model:
    """The model with the changes in its plans, so that the forward pass needs only plans."""
    if what_if == WhatIf(without_tokens=what_if.without_tokens):
        return model
    edits = what_if.edits(layer_names(model.architecture))
    mask = None if what_if.mask is None else _mask(what_if.mask)
    stacks = []
    for stack in model.architecture.stacks:
        plans = enumerate(stack.layers)
        layers = tuple(_plan(plan, mask, what_if.divisor, *_edits(stack, number, edits)) for number, plan in plans)
        stacks.append(replace(stack, layers=layers))
    return replace(model, architecture=replace(model.architecture, stacks=tuple(stacks)))


def without_head(model: Model, layer: str, head: int) -> Model:
    """The model with one head ablated: its output is 0 before W_O."""
    return changed(model, WhatIf(without_heads=(f"{layer}.{head}",)))


def left(text: Encoded, what_if: WhatIf) -> Encoded:
    """The text without removed tokens; the others move up."""
    if not what_if.without_tokens:
        return text
    indices = what_if.kept(text.tokens)
    return Encoded(*(tuple(part[index] for index in indices) for part in vars(text).values()))


def _edits(stack: StackPlan, number: int, edits: "dict[str, Edits]") -> "tuple[Edits, ...]":
    """The edits of a layer's self-attention, and of its cross-attention."""
    name = stack.layer_name(number)
    return edits.get(name, ()), edits.get(f"{name}.cross", ())


def _plan(plan: LayerPlan, mask: Mask | None, divisor: float | None, edits: "Edits", cross_edits: "Edits") -> LayerPlan:
    if edits or cross_edits:
        from attn_cli.core.edits import ZeroHead
    for edit in (*edits, *cross_edits):
        if isinstance(edit, ZeroHead):
            edit.place((plan.heads,))  # raises the error for a missing head
    plan = replace(plan, edits=edits, cross_edits=cross_edits)
    if mask is not None:
        plan = replace(plan, mask=mask)
    return plan if divisor is None else replace(plan, temperature=divisor)


def _mask(spelled: str) -> Mask:
    try:
        return parse_mask(spelled)
    except SpecError as error:
        raise UsageError(f"--mask: {error.message}", hint=error.hint) from error
