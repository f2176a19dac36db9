"""Every family against the stored figures of transformers; only NumPy is needed."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from attn_cli.models.model import Model, open_model
from attn_cli.trace.trace import Layer
from tests.parity.models.cases import ROWS, TARGET, TEXTS, Case, cases
from tests.parity.models.weights import write_folder

FIGURES = Path(__file__).parent / "figures"
CASES = {case.name: case for case in cases()}

Figures = dict[str, np.ndarray[Any, np.dtype[Any]]]


@cache
def figures(name: str) -> Figures:
    with np.load(FIGURES / f"{name}.npz") as stored:
        return dict(stored)


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Any:
    made: dict[str, str] = {}

    def folder(case: Case) -> str:
        if case.name not in made:
            said = json.loads(str(figures(case.name)["case"]))
            path = tmp_path_factory.mktemp("models") / case.name
            write_folder(path, case, said["config"], said["shapes"])
            made[case.name] = str(path)
        return made[case.name]

    return folder


def attentions(model: Model, case: Case, ids: list[int]) -> tuple[dict[str, Layer], np.ndarray[Any, Any] | None]:
    """Each attention by the name that figures have, and the last token's logits."""
    keep = {"residual", "weights"}
    tokens = [str(place) for place in range(len(ids))]
    found: dict[str, Layer] = {}
    target = [TARGET, [str(i) for i in TARGET]] if case.target else []
    stream = model.stream(ids, tokens, keep, *target, types=case.types_of(ids))
    while True:
        try:
            layer = next(stream)
        except StopIteration as end:
            logits = None if model.architecture.unembedding is None else model.logits(end.value[-1:])
            return found, logits
        parts = layer.name.split(".")
        stack = "cross." if parts[-1] == "cross" else f"{parts[0]}." if parts[0] != "layers" else ""
        found[f"{stack}%s.{layer.index}"] = layer


def close(found: Any, text: str, name: str, stored: Figures, ceiling: float) -> None:
    """As near to the truth as transformers is itself, or twice that, and never further than `ceiling`."""
    rows = [row for row in ROWS if row < found.shape[-2]]
    error = np.abs(found[..., rows, :].astype(np.float64) - stored[f"{text}.{name}"]).max()
    # The truth is stored in float32, so half a unit of that is no error.
    unit = np.spacing(np.abs(stored[f"{text}.{name}"]).max())
    assert error <= min(max(2 * stored[f"{text}.{name}.own"], 4 * unit), ceiling), name


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("name", CASES)
def test_weights_states_and_logits_are_those_of_transformers(name: str, text: str, folders: Any) -> None:
    case, stored = CASES[name], figures(name)
    layers, logits = attentions(open_model(folders(case)), case, TEXTS[text])
    assert len(layers) == sum(key.startswith(f"{text}.") and "weights." in key for key in stored) / 2
    for place, layer in layers.items():
        close(layer["weights"], text, place % "weights", stored, ceiling=2e-5)
        if layer.kind == "self":
            close(layer["residual"], text, place % "state", stored, ceiling=np.inf)
    if logits is not None and f"{text}.logits" in stored:
        close(logits, text, "logits", stored, ceiling=np.inf)
