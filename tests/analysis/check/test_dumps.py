"""Files that went wrong as public reports tell it: the verdict and the cause that each must get."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from attn_cli.analysis.check.check import check
from attn_cli.analysis.check.reading import read_dump

DUMPS = Path(__file__).parent / "dumps"
FAULTY: Mapping[str, tuple[str, str]] = {
    "masks/fused-no-causal": ("mask-missing", "head_output"),
    "masks/fused-top-left": ("mask-aligned-wrong", "head_output"),
    "masks/softcap-after-mask": ("softcap-after-mask", "weights"),
    "masks/mask-minus-10": ("mask-finite", "weights"),
    "masks/mask-filled-with-0": ("mask-filled-with-0", "weights"),
    "masks/none-declared-cross-causal": ("mask-differs", "weights"),
    "positions/rotated-interleaved": ("rotation-style", "K_rotated"),
    "positions/rotated-k-left-out": ("rotation-one-sided", "K_rotated"),
    "positions/alibi-slopes-reversed": ("alibi-reversed", "weights"),
    "positions/k-not-rotated": ("rotation-one-sided", "weights"),
    "positions/weights-interleaved": ("rotation-style", "weights"),
    "heads/fused-gqa-tiled": ("heads-tiled", "head_output"),
    "heads/gqa-first-kv-only": ("heads-one-group", "weights"),
    "heads/head-mean": ("heads-averaged", "weights"),
    "heads/weights-transposed-causal": ("weights-transposed", "weights"),
    "heads/v-heads-reshaped": ("heads-reshaped", "head_output"),
    "heads/dropout-25": ("dropout", "weights"),
    "heads/dropout-one-key": ("dropout", "weights"),
    "heads/why-double-scale": ("scale-doubled", "weights"),
    "heads/bits-as-weights": ("weight-above-1", "weights"),
    "outputs/module-no-causal": ("mask-missing", "output"),
    "outputs/module-garbage-output": ("does-not-follow", "output"),
    "outputs/linear-not-declared": ("linear-not-transposed", "Q"),
    "outputs/output-wo-transposed": ("output-matrix-transposed", "output"),
    "outputs/nan-rows-output": ("hidden-row-nan", "head_output"),
}
REMARKED: Mapping[str, str] = {
    "masks/packed-3-3": "mask-undeclared",
    "masks/left-pad-uniform-rows": "hidden-row-uniform",
    "heads/sinks-undeclared": "sinks-undeclared",
}
UNRELATED = ("heads/compare-heads", "heads/layout-token-head", "outputs/qkv-alone", "outputs/per-head-w-o")


@pytest.mark.parametrize("name", FAULTY)
def test_a_mistake_that_was_reported_is_named(name: str) -> None:
    found = check(read_dump((DUMPS / f"{name}.npz").read_bytes(), name))
    assert [(f.code, f.worst.stage) for f in found.findings if f.severity == "fault"] == [FAULTY[name]]
    assert found.verdict == "faulty"


@pytest.mark.parametrize("name", REMARKED)
def test_what_was_taken_for_a_mistake_is_remarked_on(name: str) -> None:
    found = check(read_dump((DUMPS / f"{name}.npz").read_bytes(), name))
    assert [(f.severity, f.code) for f in found.findings] == [("remark", REMARKED[name])]
    assert found.verdict == "sound"


@pytest.mark.parametrize("name", UNRELATED)
def test_a_file_without_a_result_is_nothing_to_check(name: str) -> None:
    found = check(read_dump((DUMPS / f"{name}.npz").read_bytes(), name))
    assert (found.verdict, found.findings, found.compared) == ("nothing to check", (), ())


def test_every_file_here_is_a_case() -> None:
    names = {path.relative_to(DUMPS).with_suffix("").as_posix() for path in DUMPS.rglob("*.npz")}
    assert names == {*FAULTY, *REMARKED, *UNRELATED}
