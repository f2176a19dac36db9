"""A checkpoint's layer as a document: it computes what the layer does, or says what a document cannot."""

import json
from pathlib import Path

import numpy as np
import pytest

from attn_cli.errors import UsageError
from attn_cli.models.explain import run_model
from attn_cli.models.layer_names import layer_names
from attn_cli.models.model import open_model
from attn_cli.models.parameters import UNSAID, layer_parameters
from attn_cli.models.request import ModelRequest
from attn_cli.sources.documents.writing import WRITERS
from attn_cli.sources.explain import explain
from tests.parity.models.cases import TARGET, TEXTS
from tests.parity.models.test_models import CASES, figures
from tests.parity.models.weights import write_folder

STRETCHED = "stretched pair by pair"
REFUSED = {
    **dict.fromkeys(("llama-3.1", "llama-yarn", "llama-longrope", "phi3-longrope", "gpt-oss"), STRETCHED),
    **dict.fromkeys(("qwen3", "olmo2", "gemma3", "stablelm-12b", "cohere-qk-norm"), UNSAID["qk_norm"]),
    "deepseek-v3": UNSAID["projecting"],
    "deberta-v3": UNSAID["disentangled"],
    "mpt-clipped": UNSAID["clip"],
}


def folder_of(name: str, tmp_path: Path) -> str:
    said = json.loads(str(figures(name)["case"]))
    write_folder(tmp_path / name, CASES[name], said["config"], said["shapes"])
    return str(tmp_path / name)


def request_of(name: str, folder: str) -> ModelRequest:
    target = ",".join(map(str, TARGET)) if CASES[name].target else None
    return ModelRequest(folder, ids=",".join(map(str, TEXTS["short"])), target_ids=target)


def refusal(request: ModelRequest, layer: str) -> str | None:
    try:
        layer_parameters(request, layer)
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
            assert any(words in message for words in (STRETCHED, *UNSAID.values())), message
            continue
        for heads, suffix in ((None, ".json"), ("-1", ".npz"), ("0,-1", ".safetensors")):
            (tmp_path / f"made{suffix}").write_bytes(WRITERS[suffix](layer_parameters(request, layer, heads)))
            found = explain(weights=str(tmp_path / f"made{suffix}")).layers[0]
            expected = run_model(request, layers=layer, heads=heads, stages=None).layers[0]
            assert (found.query_tokens, found.key_tokens) == (expected.query_tokens, expected.key_tokens)
            # A head alone has its part of the output; all of them have all of it.
            for stage in ("weights", "head_output", *(["output"] if heads is None else [])):
                np.testing.assert_allclose(found[stage], expected[stage], atol=2e-5, rtol=1e-4, err_msg=layer)


@pytest.mark.parametrize("name", REFUSED)
def test_what_a_document_cannot_say_is_named(name: str, tmp_path: Path) -> None:
    request = request_of(name, folder_of(name, tmp_path))
    with pytest.raises(UsageError) as caught:
        layer_parameters(request, "0")
    assert REFUSED[name] in caught.value.message
