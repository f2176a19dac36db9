"""Every family of language models: the parts add up to the logits, and a head switched off is a part less."""

import json
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from attn_cli.analysis.logits.ablation import ablations
from attn_cli.analysis.logits.logit_attribution import logit_attribution
from attn_cli.errors import SelectionError
from attn_cli.models.next_token import log_shares, shift
from attn_cli.models.request import ModelRequest, open_request
from attn_cli.sources.whatif import WhatIf
from tests.parity.models.cases import TARGET, Case, cases
from tests.parity.models.test_models import FIGURES
from tests.parity.models.weights import write_folder

CASES = {case.name: case for case in cases()}
IDS = "1,4,2,7,3"


@cache
def said(name: str) -> Any:
    with np.load(FIGURES / f"{name}.npz") as stored:
        return json.loads(str(stored["case"]))


def asked(case: Case, folder: Path, what_if: WhatIf | None = None) -> ModelRequest:
    if not folder.exists():
        write_folder(folder, case, said(case.name)["config"], said(case.name)["shapes"])
    target = ",".join(map(str, TARGET)) if case.target else None
    return ModelRequest(str(folder), ids=IDS, target_ids=target, what_if=what_if or WhatIf())


@pytest.mark.parametrize("name", CASES)
def test_the_parts_add_up_to_every_logit_or_the_model_is_refused(name: str, tmp_path: Path) -> None:
    request = asked(CASES[name], tmp_path / name)
    model, text, target = open_request(request)
    sums = {"attention_sum", "cross_sum", "mlp_sum"}
    if model.architecture.unembedding is None or any(
        sums & set(plan.norms) for plan in model.architecture.stacks[-1].layers
    ):
        with pytest.raises(SelectionError):
            logit_attribution(model, text, target)
        return
    found = logit_attribution(model, text, target)
    scale = abs(found.logits).max()
    total = sum(found.unembed(part.vector[np.newaxis])[0] for part in found.components) + found.bias
    np.testing.assert_allclose(total / scale, found.logits / scale, atol=2e-5)
    last = [part for part in found.components if part.head is not None][-1]
    off = asked(CASES[name], tmp_path / name, WhatIf(without_heads=(f"{last.layer}.{last.head}",)))
    silenced = {part.name: part.vector for part in logit_attribution(*open_request(off)).components}
    np.testing.assert_allclose(silenced[last.name], 0, atol=1e-6)


RESUMED = [name for name in CASES if name.startswith(("gpt2", "t5", "bloom", "gemma2")) and name != "t5-encoder"]


@pytest.mark.parametrize("name", RESUMED)
def test_a_run_from_a_layer_on_is_the_whole_run(name: str, tmp_path: Path) -> None:
    request = asked(CASES[name], tmp_path / name)
    found = ablations(request, layers="-1")
    off = WhatIf(without_heads=(f"{found.heads[0].layer}.{found.heads[0].head}",))
    before, after = (logs(replace(request, what_if=what_if)) for what_if in (WhatIf(), off))
    assert found.heads[0].kl == pytest.approx(shift(before, after).kl, rel=1e-4)


def logs(request: ModelRequest) -> Any:
    """The log-probabilities of the next token after a whole run."""
    model, text, target = open_request(request)
    stream = model.stream(text.ids, text.tokens, (), target.ids, target.tokens)
    while True:
        try:
            next(stream)
        except StopIteration as end:
            return log_shares(model.logits(end.value[-1:])[0])
