"""Direct logit attribution and circuits beside TransformerLens's own figures, stored by make_circuits.py.

TransformerLens computes in float32: logits agree to 2e-5 of the largest, shares of eigenvalues to 2e-5.
"""

from pathlib import Path

import numpy as np
import pytest

from attn_cli.analysis.logits.circuits import circuits, vocabulary
from attn_cli.analysis.logits.logit_attribution import logit_attribution
from attn_cli.models.request import open_request
from tests.analysis.logits.small_models import CASES, request_for

STORED = Path(__file__).parent / "circuits.npz"
NAMES = ("gpt2", "llama", "gpt_neox", "qwen2")


@pytest.mark.parametrize("name", NAMES)
def test_heads_add_the_logits_that_transformer_lens_attributes_to_them(name: str, tmp_path: Path) -> None:
    with np.load(STORED) as stored:
        logits, added = stored[f"{name}.logits"], stored[f"{name}.added"]
    attribution = logit_attribution(*open_request(request_for(CASES[name], tmp_path / name)))
    heads = [component for component in attribution.components if component.head is not None]
    ours = np.stack([attribution.unembed(component.vector[np.newaxis])[0] for component in heads]).reshape(added.shape)
    size = abs(logits).max()
    np.testing.assert_allclose(attribution.logits / size, logits / size, atol=2e-5)
    np.testing.assert_allclose(ours / size, added / size, atol=2e-5)


@pytest.mark.parametrize("name", NAMES)
def test_circuits_have_the_eigenvalues_that_transformer_lens_finds(name: str, tmp_path: Path) -> None:
    with np.load(STORED) as stored:
        copying, matching = stored[f"{name}.copying"], stored[f"{name}.matching"]
    model, _, _ = open_request(request_for(CASES[name], tmp_path / name))
    stack, products = model.architecture.stacks[0], vocabulary(model)
    for number in range(len(stack.layers)):
        ours = [(circuit.copying, circuit.matching) for circuit in circuits(model, products, stack, number)]
        theirs = list(zip(copying[number], matching[number], strict=True))
        np.testing.assert_allclose(np.asarray(ours, dtype=float), theirs, atol=2e-5)
