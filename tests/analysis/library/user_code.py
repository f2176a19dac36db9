"""A user's own program with types: mypy checks it in strict mode, and the tests run it."""

from pathlib import Path
from typing import assert_type

import numpy as np

from attn_cli import (
    AttnError,
    Layer,
    Projections,
    Spec,
    Trace,
    aggregate,
    attend,
    check,
    compare,
    explain,
    heads,
    run_model,
    why,
)
from attn_cli.analysis.why import Cell, Row


def use(checkpoint: Path) -> dict[str, float]:
    """A figure from each public function."""
    trace = assert_type(explain("The cat sat", mask="causal", heads=2), Trace)
    cell = assert_type(why(trace, query="sat", key=0, head=1), Cell)
    row = assert_type(why(trace, query=-1, head=1), Row)
    names = [head.name for head in heads(trace).heads]
    change = compare(trace, explain("The dog sat", mask="causal", heads=2)).first(tolerance=1e-9)
    model = assert_type(run_model(checkpoint, "The cat sat", layer=0, head=[0]), Trace)
    x, identity = np.array([[1.0, 0.0], [1.0, 1.0]]), np.eye(2)
    layer = assert_type(attend(["a", "b"], {"X": x}, Projections(identity, identity, identity), Spec()), Layer)
    try:
        explain("The cat sat", mask="casual")
        hint = ""
    except AttnError as error:
        hint = error.hint
    return {
        "weight": -1.0 if cell.key.weight is None else cell.key.weight,
        "keys": len(row.keys),
        "heads": len(names),
        "change": 0.0 if change is None else change.largest,
        "stages": len(model.layers[0].stages),
        "faults": check(trace).faults,
        "mean": float(aggregate(trace, "mean").matrix[2, 0]),
        "attended": float(layer["weights"].sum()),
        "hint": len(hint),
    }
