"""Describe a checkpoint without running it."""

import json
import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from math import prod

from attn_cli.core.masks import MASKS
from attn_cli.core.positions import POSITIONS
from attn_cli.core.spelling import spell
from attn_cli.errors import AttnError, DocumentError
from attn_cli.models.gguf import is_gguf
from attn_cli.models.header_check import header_fault
from attn_cli.models.model import Model, open_model
from attn_cli.models.network.plan import LayerPlan
from attn_cli.models.tokenizers.gguf_tokenizer import has_tokenizer
from attn_cli.models.tokenizers.legacy import OLDER
from attn_cli.models.tokenizers.opening import open_tokenizer


@dataclass(frozen=True)
class Layers:
    """Consecutive equal layers: the names of the first and the last, and the properties of each."""

    first: str
    last: str
    heads: int
    kv_heads: int
    head_dim: int
    mask: str
    positions: str
    scale: str
    extras: tuple[str, ...]


@dataclass(frozen=True)
class Description:
    """A checkpoint: `refused` says why attn does not compute it, `tokenizer_fault` why its tokenizer cannot be opened.

    `parameters` counts the numbers in its tensors, `size` their bytes; both are 0 if no tensors can be read.
    """

    folder: str
    model_type: str | None
    tokenizer: str | None
    layers: tuple[Layers, ...] = ()
    width: int | None = None
    vocabulary: int | None = None
    max_positions: int | None = None
    language_model: bool = False
    parameters: int = 0
    size: int = 0
    dtypes: tuple[str, ...] = ()
    refused: str | None = None
    tokenizer_fault: str | None = None
    notes: tuple[str, ...] = ()


def describe(folder: str, ignored: Collection[str] = ()) -> Description:
    """The description of a folder; DocumentError only if it has no readable config.json."""
    tokenizer, fault = _tokenizer(folder)
    try:
        model = open_model(folder, ignored)
        if (error := header_fault(model)) is not None:
            raise error
    except DocumentError as error:
        if not os.path.exists(os.path.join(folder, "config.json")):
            raise
        return Description(folder, _model_type(folder), tokenizer, refused=f"{error.message} ({error.hint})")
    tensors = model.tensors.tensors.values()
    embed = model.embedding_shape
    last = model.architecture.stacks[-1]
    return Description(
        folder=folder,
        model_type=model.model_type,
        layers=tuple(_runs(model)),
        width=embed[1],
        vocabulary=embed[0],
        max_positions=last.max_positions,
        language_model=model.architecture.unembedding is not None,
        parameters=sum(prod(tensor.shape) for tensor in tensors),
        size=sum(tensor.size for tensor in tensors),
        dtypes=tuple(sorted({tensor.dtype for tensor in tensors})),
        tokenizer=tokenizer,
        tokenizer_fault=fault,
        notes=model.notes,
    )


def _tokenizer(folder: str) -> tuple[str | None, str | None]:
    """The file of the tokenizer, and the reason if it cannot be opened, unless a package is missing."""
    files = ("tokenizer.json", *OLDER)
    where = next((file for file in files if os.path.exists(os.path.join(folder, file))), None)
    if where is None and not is_gguf(folder):
        return None, None
    where = where or "in the file"
    try:
        if is_gguf(folder) and not has_tokenizer(folder):
            return None, None
        open_tokenizer(folder)
    except DocumentError as error:
        return where, f"{error.message} ({error.hint})"
    except AttnError:
        return where, None
    return where, None


def _model_type(folder: str) -> str | None:
    try:
        with open(os.path.join(folder, "config.json"), "rb") as file:
            model_type = json.load(file).get("model_type")
    except (OSError, ValueError, AttributeError, RecursionError):
        return None
    return model_type if isinstance(model_type, str) else None


def _runs(model: Model) -> Sequence[Layers]:
    """The layers, with consecutive equal layers joined."""
    runs: list[Layers] = []
    for stack in model.architecture.stacks:
        for number, plan in enumerate(stack.layers):
            name = stack.layer_name(number)
            layer = _layer(name, plan)
            before = runs[-1] if runs else None
            if before and number and vars(before) | {"first": name, "last": name} == vars(layer):
                runs[-1] = Layers(**vars(before) | {"last": name})
            else:
                runs.append(layer)
    return runs


def _layer(name: str, plan: LayerPlan) -> Layers:
    extras = {
        "softcap " + f"{plan.softcap:g}" if plan.softcap else "": plan.softcap is not None,
        "sinks": plan.sinks,
        "q/k norm": plan.qk_norm is not None,
        "growing queries": plan.query_scaling is not None,
        "relative bias": plan.relative is not None,
        "cross-attention": plan.cross,
        "parallel feed-forward": plan.parallel,
    }
    positions = spell(plan.positions, POSITIONS)
    scale = plan.scale if isinstance(plan.scale, str) else f"{plan.scale:g}"
    return Layers(
        first=name,
        last=name,
        heads=plan.heads,
        kv_heads=plan.kv_heads,
        head_dim=plan.d_k,
        mask=spell(plan.mask, MASKS),
        positions=positions,
        scale=scale,
        extras=tuple(word for word, present in extras.items() if present),
    )
