"""The small checkpoints of the parity cases, written to disk, as models for tests."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from attn_cli.models.request import ModelRequest
from attn_cli.sources.whatif import WhatIf
from tests.parity.models.cases import TARGET, Case, cases
from tests.parity.models.weights import write_folder

FIGURES = Path(__file__).parents[2] / "parity" / "models" / "figures"
CASES = {case.name: case for case in cases()}
IDS = "1,4,2,7,3"


@cache
def stored(name: str) -> Any:
    """The config and the tensor shapes of a case."""
    with np.load(FIGURES / f"{name}.npz") as figures:
        return json.loads(str(figures["case"]))


def request_for(case: Case, folder: Path, what_if: WhatIf | None = None) -> ModelRequest:
    """A request for a case on IDS; its checkpoint is written to `folder` unless that exists."""
    if not folder.exists():
        write_folder(folder, case, stored(case.name)["config"], stored(case.name)["shapes"])
    target = ",".join(map(str, TARGET)) if case.target else None
    return ModelRequest(str(folder), ids=IDS, target_ids=target, what_if=what_if or WhatIf())
