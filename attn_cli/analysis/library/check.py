"""check(): whether the attention in a trace or a dump is sound."""

from collections.abc import Mapping
from os import PathLike, fspath
from typing import Any

from attn_cli.analysis.check.check import CheckReport
from attn_cli.analysis.check.check import check as report_of
from attn_cli.analysis.check.reading import Dumped, declared_by, dumped_of, read_dump
from attn_cli.analysis.library.selection import spelled
from attn_cli.sources.documents.files import read_bytes
from attn_cli.sources.documents.reading import from_mapping, is_known
from attn_cli.sources.request import Request
from attn_cli.trace.trace import Trace


def check(
    dump: Trace | str | PathLike[str] | Mapping[str, Any],
    *,
    mask: str | None = None,
    positions: str | None = None,
    scale: str | float | None = None,
    softcap: str | float | None = None,
    matrix_stage: str | None = None,
    max_bytes: int | None = None,
    recompute: bool = False,
) -> CheckReport:
    """What is wrong with the attention in a dump, as `attn check` reports it: every stored stage against the others.

    `dump` is a Trace, the path of a file (.json, .npz, .npy, .csv, .safetensors), or the keys and values of a document
    ({"Q": …, "K": …, "weights": …, "mask": "causal"}) with shapes as in `explain`. `mask`, `positions`, `scale` and
    `softcap` say what the dump should be, whatever it says itself. `matrix_stage` ("weights" or "scores") says what a
    bare matrix holds; `max_bytes` limits what is read and unpacked. With `recompute` the report's `errors` give the
    largest error of each stage, in float64.

    The report's `findings` are faults and remarks, each with a code, the layer, the heads, a cell and a cause; `faults`
    counts the faults, `checks` lists what was compared. NaN and infinities are findings, not errors.

    Raises DocumentError where the file or mapping is not a document, UsageError for a setting that is misspelled.
    """
    declared = declared_by(mask, positions, spelled(scale), spelled(softcap))
    if isinstance(dump, Mapping):
        document = from_mapping(dump, "dump", as_stored=True)
        request = Request(weights="dump", allow_nonfinite=True)
        found = Dumped(document) if isinstance(document, Trace) else dumped_of(document, request)
    elif isinstance(dump, Trace):
        found = Dumped(dump)
    else:
        data = read_bytes(fspath(dump), max_bytes=max_bytes, known=is_known)
        found = read_dump(data, fspath(dump), matrix_stage, max_bytes)
    return report_of(found, declared, recompute=recompute)
