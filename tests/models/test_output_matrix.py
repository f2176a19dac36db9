"""W_O of every family, by heads: what the keys write adds up to the output."""

import json
from pathlib import Path

import numpy as np
import pytest

from attn_cli.analysis.aggregation.gathering import Chosen
from attn_cli.models.explain import run_model
from attn_cli.models.model import open_model
from attn_cli.models.output_matrix import writes_of_model
from attn_cli.models.request import ModelRequest
from tests.parity.models.cases import TARGET, Case, cases
from tests.parity.models.weights import write_folder

FIGURES = Path(__file__).parents[1] / "parity" / "models" / "figures"


@pytest.mark.parametrize("case", list(cases()), ids=lambda case: case.name)
def test_what_keys_write_adds_up_to_the_output_but_for_its_bias(case: Case, tmp_path: Path) -> None:
    with np.load(FIGURES / f"{case.name}.npz") as stored:
        said = json.loads(str(stored["case"]))
    write_folder(tmp_path / "model", case, said["config"], said["shapes"])
    folder = str(tmp_path / "model")
    target = ",".join(map(str, TARGET)) if case.target else None
    request = ModelRequest(folder, ids="5,17,3,60,2,17,9", target_ids=target)
    writes = writes_of_model(open_model(folder))
    for layer in run_model(request, stages=("weights", "V", "output")).layers:
        chosen = Chosen("norm", (layer,), (layer.head_index,), writes)
        (weights,), (written,) = chosen.weights(), chosen.written()
        rest = layer["output"] - np.einsum("hqk,hkd->qd", weights, written)
        np.testing.assert_allclose(
            rest, np.broadcast_to(rest[0], rest.shape), atol=2e-6 * np.abs(layer["output"]).max()
        )
