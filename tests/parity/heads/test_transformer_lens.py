"""`.mul` and `.abs` beside TransformerLens's own detect_head, stored by make.py; neither is needed here."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from attn_cli.analysis.heads.metrics import METRICS
from attn_cli.analysis.heads.observed import observed
from attn_cli.trace.trace import Layer, Settings, Stage, Trace

HERE = Path(__file__).parent
CASES: list[dict[str, Any]] = json.loads((HERE / "transformer_lens.json").read_text())


@pytest.mark.parametrize(("number", "case"), list(enumerate(CASES)), ids=[case["case"] for case in CASES])
def test_the_detectors_give_what_transformer_lens_gives(number: int, case: dict[str, Any]) -> None:
    with np.load(HERE / "patterns.npz") as stored:
        layers = stored[f"{number}.weights"]
    names = tuple(map(str, case["ids"]))
    for place, weights in enumerate(layers):
        heads = tuple(range(len(weights)))
        stage = Stage("weights", weights)
        layer = Layer((stage,), names, names, len(heads), len(heads), heads, heads, Settings(mask="causal"))
        seen = observed(Trace(names, (layer,), {}, token_ids=tuple(case["ids"])), layer)
        for metric, scores in case["scores"].items():
            mine = METRICS[metric].measure(seen)
            if mine is None:  # they give no repeats a 0 (.mul), or what is left of 1 (.abs)
                assert metric.startswith(("duplicate", "induction"))
                np.testing.assert_allclose(scores[place], 0, atol=1e-6)
                assert len(set(names)) == len(names)
            else:
                # Theirs is float32 and ours float64: a rounded figure may fall to the other side.
                atol = 1.001e-3 if metric.endswith(".abs") else 1e-6
                np.testing.assert_allclose(mine, scores[place], rtol=0, atol=atol)
                if metric.endswith(".abs"):
                    assert np.isclose(mine, scores[place], rtol=0, atol=1e-6).mean() >= 0.75
