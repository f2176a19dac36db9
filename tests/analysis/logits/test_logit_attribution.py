"""Every family of language models: the components add up to the logits, and an ablated head adds nothing."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from attn_cli.analysis.logits.ablation import ablations, first_run
from attn_cli.analysis.logits.logit_attribution import logit_attribution
from attn_cli.errors import SelectionError
from attn_cli.models.model import Model
from attn_cli.models.network.plan import LayerPlan
from attn_cli.models.next_token import log_shares, shift
from attn_cli.models.request import ModelRequest, open_request
from attn_cli.models.tokenizers.tokenizer import Encoded
from attn_cli.models.whatif import without_head
from attn_cli.sources.whatif import WhatIf
from attn_cli.trace.trace import Array
from tests.analysis.logits.small_models import CASES, request_for

WRITING = ("gpt2", "llama", "qwen3", "granite", "gemma", "falcon-40b", "starcoder2", "gptj")
"""Cases whose heads add head_output · W_O to the stream, some of them scaled, grouped or beside the MLP."""


@pytest.mark.parametrize("name", CASES)
def test_the_components_add_up_to_every_logit_or_the_model_is_refused(name: str, tmp_path: Path) -> None:
    request = request_for(CASES[name], tmp_path / name)
    model, text, target = open_request(request)
    sums = {"attention_sum", "cross_sum", "mlp_sum"}
    if model.architecture.unembedding is None or any(
        sums & set(plan.norms) for plan in model.architecture.stacks[-1].layers
    ):
        with pytest.raises(SelectionError):
            logit_attribution(model, text, target)
        return
    attribution = logit_attribution(model, text, target)
    scale = abs(attribution.logits).max()
    logits = [attribution.unembed(component.vector[np.newaxis])[0] for component in attribution.components]
    np.testing.assert_allclose((sum(logits) + attribution.bias) / scale, attribution.logits / scale, atol=2e-5)
    last = [component for component in attribution.components if component.head is not None][-1]
    off = request_for(CASES[name], tmp_path / name, WhatIf(without_heads=(f"{last.layer}.{last.head}",)))
    ablated = {component.name: component.vector for component in logit_attribution(*open_request(off)).components}
    np.testing.assert_allclose(ablated[last.name], 0, atol=1e-6)


@pytest.mark.parametrize("name", WRITING)
def test_a_component_is_the_change_of_the_last_state_when_its_head_is_ablated(name: str, tmp_path: Path) -> None:
    model, text, target = open_request(request_for(CASES[name], tmp_path / name))
    (stack,) = model.architecture.stacks
    # The last MLP reads the head too, so it is silent here: what changes is what the head writes itself.
    model = with_stack(model, layers=(*stack.layers[:-1], replace(stack.layers[-1], mlp=Silent())))
    attribution = logit_attribution(model, text, target)
    layer = f"layers.{len(stack.layers) - 1}"
    components = [component for component in attribution.components if component.layer == layer]
    state = last_state(model, text)
    assert stack.final_norm is not None
    freeze = stack.final_norm.frozen_at(state, model.weights_of(stack).find("final_norm"))
    heads = {component.head: component for component in components if component.head is not None}
    assert len(heads) == stack.layers[-1].heads
    for head, component in heads.items():
        change = freeze(state - last_state(without_head(model, layer, head), text))
        assert abs(change).max() > 1e-3
        np.testing.assert_allclose(component.vector, change, rtol=1e-4, atol=2e-5)


class Silent:
    """An MLP that adds nothing."""

    def __call__(self, x: Array, weights: Any) -> Array:
        return np.zeros_like(x)


def with_stack(model: Model, **changes: Any) -> Model:
    """The model with some parts of its only stack changed."""
    (stack,) = model.architecture.stacks
    return replace(model, architecture=replace(model.architecture, stacks=(replace(stack, **changes),)))


def last_state(model: Model, text: Encoded) -> Array:
    """The stream (d_model) after the last layer at the last position, before the final norm."""
    stream = with_stack(model, final_norm=None).stream(text.ids, text.tokens, ())
    while True:
        try:
            next(stream)
        except StopIteration as end:
            state: Array = end.value[-1].astype(np.float64)
            return state


@dataclass(frozen=True, eq=False)
class Gated(LayerPlan):
    """A plan with a slot that nothing knows yet."""

    output_gate: bool = False


def test_a_model_that_does_more_than_is_known_is_refused(tmp_path: Path) -> None:
    model, text, target = open_request(request_for(CASES["llama"], tmp_path / "llama"))
    (stack,) = model.architecture.stacks
    layers = tuple(Gated(**vars(plan), output_gate=True) for plan in stack.layers)
    with pytest.raises(SelectionError, match=r"layer 0 of .* has output gate"):
        logit_attribution(with_stack(model, layers=layers), text, target)


RESUMED = [name for name in CASES if name.startswith(("gpt2", "t5", "bloom", "gemma2")) and name != "t5-encoder"]


@pytest.mark.parametrize("name", RESUMED)
def test_a_run_that_resumes_at_a_layer_gives_the_same_prediction(name: str, tmp_path: Path) -> None:
    request = request_for(CASES[name], tmp_path / name)
    result = ablations(request, layers="-1").heads[0]
    off = WhatIf(without_heads=(f"{result.layer}.{result.head}",))
    before, after = (logs(replace(request, what_if=what_if)) for what_if in (WhatIf(), off))
    assert result.kl == pytest.approx(shift(before, after).kl, rel=1e-4)


def test_a_run_resumes_at_no_layer_where_a_relative_bias_may_stand_in_the_first_alone(tmp_path: Path) -> None:
    model, text, target = open_request(request_for(CASES["llama"], tmp_path / "llama"))
    (stack,) = model.architecture.stacks
    assert set(first_run(model, text, target, str)[1]) == {"layers.0", "layers.1"}
    layers = tuple(replace(plan, relative=lambda weights, queries, keys: None) for plan in stack.layers)
    assert first_run(with_stack(model, layers=layers), text, target, str)[1] == {}


def logs(request: ModelRequest) -> Any:
    """The log-probabilities of the next token after a whole run."""
    model, text, target = open_request(request)
    stream = model.stream(text.ids, text.tokens, (), target.ids, target.tokens)
    while True:
        try:
            next(stream)
        except StopIteration as end:
            return log_shares(model.logits(end.value[-1:])[0])
