"""Every family against the stored figures of transformers; only NumPy is needed."""

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from attn_cli.models.model import Model, open_model
from attn_cli.trace.trace import Layer
from tests.parity.models.cases import ROWS, TARGET, TEXTS, Case, cases
from tests.parity.models.scores import centered
from tests.parity.models.weights import write_folder

FIGURES = Path(__file__).parent / "figures"
CASES = {case.name: case for case in cases()}

Array = np.ndarray[Any, np.dtype[Any]]
Figures = dict[str, Array]
SCORES = ("scores", "scaled", "softcapped", "biased", "masked")
FORMS = {name: (name, f"{name}_normed", f"{name}_rotated") for name in "QKV"}


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
            config = {key: value for key, value in (said["config"] | case.ours).items() if value is not None}
            write_folder(path, case, config if case.ours else said["config"], said["shapes"])
            made[case.name] = str(path)
        return made[case.name]

    return folder


def attentions(model: Model, case: Case, ids: list[int]) -> tuple[list[Layer], Array | None]:
    """Each attention in the order in which it runs, and the logits."""
    keep = {"residual", "weights", *SCORES, *FORMS["Q"], *FORMS["K"], "V"}
    tokens = [str(place) for place in range(len(ids))]
    found: list[Layer] = []
    target = [TARGET, [str(i) for i in TARGET]] if case.target else []
    stream = model.stream(ids, tokens, keep, *target, types=case.types_of(ids))
    while True:
        try:
            found.append(next(stream))
        except StopIteration as end:
            return found, None if model.architecture.unembedding is None else model.logits(end.value)


def pairs(
    case: Case, layers: list[Layer], logits: Array | None, text: str, stored: Figures
) -> Iterator[tuple[str, str, Array]]:
    """What we computed, with the kind of figure that it is and the name that it is stored under."""
    for place, layer in enumerate(layers):
        parts = layer.name.split(".")
        stack = "cross." if parts[-1] == "cross" else f"{parts[0]}." if parts[0] != "layers" else ""
        scores = layer[[stage.name for stage in layer.stages if stage.name in SCORES][-1]]
        yield "scores", f"{text}.scores.{place}", centered(scores) if case.shifted else scores
        yield "weights", f"{text}.{stack}weights.{layer.index}", layer["weights"]
        if layer.kind == "self":
            yield "states", f"{text}.{stack}state.{layer.index}", layer["residual"]
        if case.same_order and f"{text}.Q.{place}" in stored:
            own = layer.settings.scale if isinstance(layer.settings.scale, float) else 1.0
            for name in "QKV":
                form = [stage.name for stage in layer.stages if stage.name in FORMS[name]][-1]
                # Some models scale queries and not scores.
                factor = own / float(stored[f"{text}.scaling.{place}"]) if name == "Q" else 1.0
                turned = 0 if name == "V" else case.turned_last
                vectors = np.roll(layer[form] * np.float32(factor), -turned, axis=-1)
                yield "vectors", f"{text}.{name}.{place}", vectors
    if logits is not None and f"{text}.logits" in stored:
        yield "logits", f"{text}.logits", logits


@pytest.mark.parametrize("name", CASES)
def test_every_figure_is_as_near_to_the_truth_as_transformers_or_twice_that(name: str, folders: Any) -> None:
    case, stored = CASES[name], figures(name)
    model = open_model(folders(case))
    ratios: dict[str, list[tuple[int, float]]] = {}
    for text, ids in TEXTS.items():
        layers, logits = attentions(model, case, ids)
        for kind in ("weights.", "scores."):
            assert len(layers) == sum(key.startswith(f"{text}.") and kind in key for key in stored) / 2, kind
        for kind, figure, found in pairs(case, layers, logits, text, stored):
            rows = [row for row in ROWS if row < found.shape[-2]]
            hidden = np.isneginf(stored[figure])
            np.testing.assert_array_equal(np.isneginf(found[..., rows, :]), hidden, figure)
            error = found[..., rows, :][~hidden].astype(np.float64) - stored[figure][~hidden]
            largest = np.abs(stored[figure][~hidden]).max()
            assert kind not in {"weights", "scores"} or np.abs(error).max() <= 2e-5 * max(1, largest), figure
            # The truth is stored in float32: half a unit of that is no error.
            unit = float(np.spacing(largest)) / 2
            own = max(float(stored[f"{figure}.own"]), unit)
            ratios.setdefault(kind, []).append((error.size, np.sqrt(np.square(error).mean()) / own))
    # One draw of rounding errors says little; all texts and layers of a kind together do.
    assert {kind: rms(kind, found) for kind, found in ratios.items()} == {
        kind: pytest.approx(0, abs=2) for kind in ratios
    }


def rms(kind: str, ratios: list[tuple[int, float]]) -> float:
    """The root mean square of (cells, ratio): each text and layer counts alike.

    Of scores each counts as much as it has of them: one token has one in each head, and one rounding error says little.
    """
    counts, values = np.array(ratios).T
    return float(np.sqrt(np.average(np.square(values), weights=counts if kind == "scores" else None)))
