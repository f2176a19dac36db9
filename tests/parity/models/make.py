"""Make the stored figures of `figures/` from transformers in eager mode: in float32, and in float64 for the truth.

Run once from the top of the repository, in an environment that has torch, transformers and NumPy:
`python -m tests.parity.models.make [NAME …]`. Made with torch 2.13 and transformers 5.24.
"""

import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from torch.overrides import TorchFunctionMode

from tests.parity.models.cases import ROWS, TARGET, TEXTS, Case, cases
from tests.parity.models.scores import centered
from tests.parity.models.weights import write_folder

FIGURES = Path(__file__).parent / "figures"

HIDDEN = -1e30
"""Masks add the dtype's lowest number; no score comes near it."""


def shapes_of(case: Case) -> tuple[dict[str, Any], dict[str, list[int]]]:
    """The config as transformers saves it, and the names and shapes of the tensors of its file."""
    from safetensors import safe_open

    config = transformers.AutoConfig.for_model(case.model_type, **case.config)
    kind = getattr(transformers, case.auto)
    model = getattr(kind, "from_config", kind)(config)
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        saved = json.loads((Path(folder) / "config.json").read_text()) | case.older
        with safe_open(Path(folder) / "model.safetensors", framework="np") as file:
            shapes = {name: list(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
    for new, old in case.renamed:
        shapes = {name.replace(new, old): shape for name, shape in shapes.items()}
    dropped = {"transformers_version", *(key for key, value in case.older.items() if value is None)}
    return {key: value for key, value in saved.items() if key not in dropped}, shapes | case.also


@contextmanager
def heard(model: torch.nn.Module) -> Iterator[dict[str, np.ndarray]]:
    """Q, K and V as each attention gets them, in the order in which they run, and what it scales scores with."""
    found: dict[str, np.ndarray] = {}
    homes = {sys.modules[type(part).__module__] for part in model.modules()}
    homes = {home for home in homes if hasattr(home, "eager_attention_forward")}
    originals = {home: home.eager_attention_forward for home in homes}

    def listening(original: Callable[..., Any]) -> Callable[..., Any]:
        def hear(module: Any, query: Any, key: Any, value: Any, *given: Any, **named: Any) -> Any:
            place = sum(name.startswith("Q.") for name in found)
            found.update({f"{n}.{place}": x[0].numpy() for n, x in (("Q", query), ("K", key), ("V", value))})
            found[f"scaling.{place}"] = np.array(named.get("scaling") or query.shape[-1] ** -0.5)
            return original(module, query, key, value, *given, **named)

        return hear

    for home, original in originals.items():
        home.eager_attention_forward = listening(original)
    try:
        yield found
    finally:
        for home, original in originals.items():
            home.eager_attention_forward = original


class Softmaxes(TorchFunctionMode):
    """Scores (head, query, key) as they go into softmax, whichever module calls it, in the order of the calls."""

    def __init__(self) -> None:
        super().__init__()
        self.scores: list[np.ndarray] = []

    def __torch_function__(self, called: Any, types: Any, given: Any = (), named: Any = None) -> Any:
        if called.__name__ == "softmax" and given[0].ndim == 4:  # a router's has fewer axes
            self.scores.append(given[0][0].numpy().astype(np.float64))
        return called(*given, **named or {})


def without_sinks(scores: np.ndarray, sinks: np.ndarray) -> np.ndarray:
    """Scores before sinks (head) stood in a last column, and before each row's maximum was taken away."""
    return scores[..., :-1] - scores[..., -1:] + sinks[:, np.newaxis, np.newaxis]


def run(case: Case, folder: str, ids: list[int], dtype: torch.dtype) -> dict[str, np.ndarray]:
    """Scores, weights, hidden states and logits of one text, and Q, K and V where attention can be listened to."""
    kinds = {"attn_implementation": "eager", "experts_implementation": "eager"}
    model = getattr(transformers, case.auto).from_pretrained(folder, dtype=dtype, **kinds).eval()
    given: dict[str, Any] = {"input_ids": torch.tensor([ids])}
    if case.target:
        given["decoder_input_ids"] = torch.tensor([TARGET])
    if case.types:
        given["token_type_ids"] = torch.tensor([case.types_of(ids)])
    with torch.no_grad(), heard(model) as found, Softmaxes() as softmaxes:
        out = model(**given, output_attentions=True, output_hidden_states=True)
    stacks = {"": "attentions"}
    if case.target:
        stacks = {"encoder.": "encoder_attentions", "decoder.": "decoder_attentions", "cross.": "cross_attentions"}
    for prefix, key in stacks.items():
        for number, weights in enumerate(out[key]):
            found[f"{prefix}weights.{number}"] = weights[0].numpy()
    assert len(softmaxes.scores) == sum("weights." in name for name in found), case.name
    sinks = [part.sinks.detach().numpy() for part in model.modules() if hasattr(part, "sinks")]
    for place, raw in enumerate(softmaxes.scores):
        scores = without_sinks(raw, sinks[place]) if sinks else raw
        scores = np.where(scores > HIDDEN, scores, -np.inf)
        found[f"scores.{place}"] = centered(scores) if case.shifted else scores
    states = {"": "hidden_states"}
    if case.target:
        states = {"encoder.": "encoder_hidden_states", "decoder.": "decoder_hidden_states"}
    for prefix, key in states.items():
        for number, state in enumerate(out[key]):
            found[f"{prefix}state.{number}"] = state[0].numpy()
    if "logits" in out:
        found["logits"] = out.logits[0].numpy()
    return found


def add_alibi_once() -> None:
    """Falcon's eager attention adds ALiBi to scores whose mask has it already, the fused one does not: halve it.

    With this its logits are those of the fused attention, and of the original model.
    """
    from transformers.models.falcon import modeling_falcon

    whole = modeling_falcon.build_alibi_tensor
    modeling_falcon.build_alibi_tensor = lambda *given, **named: whole(*given, **named) / 2


def heed_alibi_bias_max() -> None:
    """MPT's class has the steepness of ALiBi among its settings, and builds it as if that were 8: pass it on."""
    from transformers.models.mpt import modeling_mpt

    def build(self: Any, heads: int, length: int, device: Any = None) -> Any:
        return modeling_mpt.build_mpt_alibi_tensor(heads, length, self.config.attn_config.alibi_bias_max, device)

    modeling_mpt.MptModel.build_mpt_alibi_tensor = build


def some(array: np.ndarray) -> np.ndarray:
    """The rows that are stored; all of what has none."""
    if array.ndim < 2:
        return array
    rows = [row for row in ROWS if row < array.shape[-2]]
    return array[..., rows, :]


def make(case: Case) -> None:
    """Write the figures of a case: the truth in float64 (stored in float32), and transformers' own error (RMS)."""
    config, shapes = shapes_of(case)
    stored: dict[str, Any] = {"case": np.array(json.dumps({"config": config, "shapes": shapes}))}
    with tempfile.TemporaryDirectory() as folder:
        write_folder(Path(folder), case, config, shapes)
        for text, ids in TEXTS.items():
            single, double = (run(case, folder, ids, dtype) for dtype in (torch.float32, torch.float64))
            for name, truth in double.items():
                seen = np.isfinite(some(truth))
                np.testing.assert_array_equal(np.isfinite(some(single[name])), seen)
                error = some(single[name])[seen].astype(np.float64) - some(truth)[seen]
                own = np.sqrt(np.square(error).mean())
                stored[f"{text}.{name}"] = some(truth).astype(np.float32)
                stored[f"{text}.{name}.own"] = np.float32(own)
    FIGURES.mkdir(exist_ok=True)
    np.savez_compressed(FIGURES / f"{case.name}.npz", **stored)
    print(case.name, sum(array.nbytes for array in stored.values()) // 1024, "KB")


if __name__ == "__main__":
    transformers.logging.set_verbosity_error()
    add_alibi_once()
    heed_alibi_bias_max()
    for case in cases():
        if not sys.argv[1:] or case.name in sys.argv[1:]:
            make(case)
