"""Store TransformerLens's direct logit attribution and circuits: python tests/parity/heads/make_circuits.py FOLDER.

It needs torch, transformers and transformer_lens (2.13.0, 5.24.0 and 4.3.0 were used), which attn does not. Small
checkpoints are written to FOLDER and read by transformers; TransformerLens folds their norms into their matrices. Its
`ActivationCache` makes the attribution and its `FactoredMatrix` the eigenvalues, so nothing of the arithmetic is ours.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformer_lens.FactoredMatrix import FactoredMatrix
from transformer_lens.model_bridge import TransformerBridge
from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
sys.path.insert(0, str(ROOT))

from tests.analysis.logits.small_models import CASES, IDS, request_for  # noqa: E402

NAMES = ("gpt2", "llama", "gpt_neox", "qwen2")
"""LayerNorm with learned positions; RMSNorm with rotary positions and grouped heads; parallel; biased."""


def bridge(folder: Path, tokenizer: Any) -> Any:
    """The checkpoint in TransformerLens: norms folded in, nothing centered that the model does not center itself."""
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    lens = TransformerBridge.boot_transformers(str(folder), hf_model=model, tokenizer=tokenizer, device="cpu")
    lens.enable_compatibility_mode(center_writing_weights=False, center_unembed=False, fold_value_biases=False)
    return lens


def share(matrix: FactoredMatrix) -> Any:
    """Σ Re λ / Σ |λ| of each head (layer, head)."""
    values = matrix.eigenvalues
    return (values.real.sum(-1) / values.abs().sum(-1)).detach().numpy()


def figures(lens: Any) -> dict[str, Any]:
    """The logits that each head adds at the last position (layer, head, token id), and its two circuits."""
    ids = torch.tensor([list(map(int, IDS.split(",")))])
    logits, cache = lens.run_with_cache(ids)
    stack = cache.stack_head_results(layer=-1, pos_slice=-1)
    added = cache.apply_ln_to_stack(stack, layer=-1, pos_slice=-1) @ lens.W_U
    heads = (lens.cfg.n_layers, lens.cfg.n_heads)
    return {
        "logits": logits[0, -1].detach().numpy(),
        "added": added.reshape(*heads, -1).detach().numpy(),
        "copying": share(FactoredMatrix(lens.W_E @ lens.OV.A, lens.OV.B @ lens.W_U)),
        "matching": share(FactoredMatrix(lens.W_E @ lens.QK.A, lens.QK.B @ lens.W_E.T)),
    }


def main(folder: Path) -> None:
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_file=str(ROOT / "samples" / "known-heads" / "tokenizer.json"),
        bos_token="<s>",
        eos_token="<s>",
        pad_token="<s>",
        name_or_path=str(folder / "tokenizer"),
    )
    tokenizer.save_pretrained(folder / "tokenizer")
    arrays = {}
    for name in NAMES:
        request_for(CASES[name], folder / name)
        made = figures(bridge(folder / name, tokenizer))
        arrays |= {f"{name}.{figure}": array for figure, array in made.items()}
    np.savez_compressed(HERE / "circuits.npz", **arrays)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
