"""A checkpoint's layer as a document: it computes what the layer does, or says what a document cannot."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from attn_cli import explain
from attn_cli.errors import UsageError
from attn_cli.models.explain import run_model
from attn_cli.models.layer_names import layer_names
from attn_cli.models.model import open_model
from attn_cli.models.parameters import UNSAID, layer_parameters
from attn_cli.models.request import ModelRequest
from attn_cli.sources.documents.writing import WRITERS
from tests.parity.models.cases import TARGET, TEXTS
from tests.parity.models.test_models import CASES, figures
from tests.parity.models.weights import write_folder

NORMED_TOGETHER = ("flex-olmo", "olmo2", "olmo3", "olmoe")
REFUSED = {"deepseek-v3": UNSAID["projecting"], "deberta-v3": UNSAID["disentangled"]}


def folder_of(name: str, tmp_path: Path) -> str:
    said = json.loads(str(figures(name)["case"]))
    write_folder(tmp_path / name, CASES[name], said["config"], said["shapes"])
    return str(tmp_path / name)


def request_of(name: str, folder: str) -> ModelRequest:
    target = ",".join(map(str, TARGET)) if CASES[name].target else None
    return ModelRequest(folder, ids=",".join(map(str, TEXTS["short"])), target_ids=target)


def refusal(request: ModelRequest, layer: str, heads: str | None = None) -> str | None:
    try:
        layer_parameters(request, layer, heads)
    except UsageError as error:
        return error.message
    return None


@pytest.mark.parametrize("name", CASES)
def test_a_layer_as_a_document_does_what_it_does_in_the_model(name: str, tmp_path: Path) -> None:
    folder = folder_of(name, tmp_path)
    request = request_of(name, folder)
    for layer in layer_names(open_model(folder).architecture)[-2:]:
        if (message := refusal(request, layer)) is not None:
            assert message.startswith(f"{layer} has ")
            assert any(words in message for words in UNSAID.values()), message
            continue
        together = name in NORMED_TOGETHER  # so that no head can be written without the others
        heads_of = {".json": None, ".npz": None if together else "-1", ".safetensors": None if together else "0,-1"}
        for suffix, heads in heads_of.items():
            (tmp_path / f"made{suffix}").write_bytes(WRITERS[suffix](layer_parameters(request, layer, heads)))
            found = explain(weights=str(tmp_path / f"made{suffix}")).layers[0]
            expected = run_model(request, layers=layer, heads=heads, stages=None).layers[0]
            assert (found.query_tokens, found.key_tokens) == (expected.query_tokens, expected.key_tokens)
            # A head alone has its part of the output; all of them have all of it.
            for stage in ("weights", "head_output", *(["output"] if heads is None else [])):
                np.testing.assert_allclose(found[stage], expected[stage], atol=2e-5, rtol=1e-4, err_msg=layer)


@pytest.mark.parametrize("name", NORMED_TOGETHER)
def test_some_heads_of_a_norm_over_all_of_them_are_refused(name: str, tmp_path: Path) -> None:
    message = refusal(request_of(name, folder_of(name, tmp_path)), "0", "0")
    assert message == "layers.0 norms queries and keys over all heads at once, and --head chooses some"


WRITTEN: dict[str, dict[str, Any]] = {
    "qwen3": {"qk_norm": "rms:1e-06"},
    "gemma3": {"qk_norm": "rms:1e-06"},
    "olmo2": {"qk_norm": "rms:1e-05,over=all"},
    "cohere-qk-norm": {"qk_norm": "layer:1e-05,over=each", "positions": "rope:500000,style=interleaved"},
    "stablelm-12b": {"qk_norm": "layer:1e-05,over=each", "positions": "rope:dim=4"},
    "mpt-clipped": {"clip": 0.7, "positions": "alibi"},
    "llama4": {"query_scaling": "log:0.4,step=23,ahead=1", "positions": "none"},
    "ministral3": {"query_scaling": "log:0.4,step=23"},
    "llama-3.1": {"positions": "rope", "rotary_frequencies": 2},
    "llama-yarn": {"positions": "rope:attention_factor=1.138629436111989", "rotary_frequencies": 2},
    "llama-linear": {"positions": "rope:500,factor=3"},
}


@pytest.mark.parametrize("name", WRITTEN)
def test_a_document_says_what_a_layer_does_in_its_own_keys(name: str, tmp_path: Path) -> None:
    request = request_of(name, folder_of(name, tmp_path))
    layer = "1" if name == "llama4" else "-1"
    document = json.loads(WRITERS[".json"](layer_parameters(request, layer)))
    found = {key: len(document[key]) if key == "rotary_frequencies" else document[key] for key in WRITTEN[name]}
    assert found == WRITTEN[name]


@pytest.mark.parametrize("name", REFUSED)
def test_what_a_document_cannot_say_is_named(name: str, tmp_path: Path) -> None:
    request = request_of(name, folder_of(name, tmp_path))
    with pytest.raises(UsageError) as caught:
        layer_parameters(request, "0")
    assert REFUSED[name] in caught.value.message
