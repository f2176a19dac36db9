"""Checkpoints with code of their own, or with bidirectional attention: the masks, and notes for the reader."""

import ast
import os
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from attn_cli.core.masks import Causal, Local, Mask, NoMask, Sliding
from attn_cli.errors import DocumentError
from attn_cli.models.family import Architecture
from attn_cli.models.files.config import Config

BOTH_WAYS: Mapping[tuple[str, str], str] = MappingProxyType(
    {("qwen2", "modeling_qwen.Qwen2Model"): "stella and gte-Qwen2"}
)
"""`model_type` and `auto_map` class of checkpoints whose code has no causal mask → their names."""
LARGEST = 2**20
"""The largest file of code to read, in bytes."""


def attended(architecture: Architecture, config: Config) -> Architecture:
    """The architecture, without causal masks if the config or its code has none; adds notes to the config.

    The code is not run, only parsed for the default of `is_causal`.
    """
    named = _named_code(config)
    if not config.flag("is_causal", True):
        config.notes.append("is_causal is false in config.json: queries see later keys too")
        return _both_ways(architecture, config)
    if named is None:
        return architecture
    causal = _is_causal(config, named)
    names = BOTH_WAYS.get((config.word("model_type", ""), named))
    if causal is False or (causal is None and names is not None):
        why = f"{named.partition('.')[0]}.py says so" if causal is False else f"so do {names}, which name it alike"
        config.notes.append(
            f"config.json's auto_map names {named}, whose attention is bidirectional ({why}): "
            "no causal mask is set, --mask causal sets one"
        )
        return _both_ways(architecture, config)
    config.notes.append(
        f"config.json's auto_map names code of its own, {named}, which attn does not run: "
        f"it computes {config.word('model_type')} as in transformers"
    )
    return architecture


def _named_code(config: Config) -> str | None:
    """The class `file.Class` of the checkpoint's own code; None if there is none."""
    classes = config.get("auto_map", None)
    if not isinstance(classes, dict):
        return None
    for key in ("AutoModel", *(key for key in classes if key.startswith(("AutoModelFor", "TFAuto", "FlaxAuto")))):
        value = classes.get(key)
        if isinstance(value, str) and value:
            return value.rpartition("--")[2][:100]  # owner/name--file.Class names another repository's code
    return None


def _is_causal(config: Config, named: str) -> bool | None:
    """The default of `is_causal` in a class's forward(), if its file is in the folder; None if unknown."""
    file, _, name = named.partition(".")
    path = os.path.join(os.path.dirname(config.where), f"{os.path.basename(file)}.py")
    try:
        if os.path.getsize(path) > LARGEST:
            return None
        with open(path, "rb") as opened:
            tree = ast.parse(opened.read())
    except (OSError, ValueError, SyntaxError, RecursionError, MemoryError):
        return None
    for node in (node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == name):
        for method in (method for method in node.body if isinstance(method, ast.FunctionDef)):
            if method.name == "forward":
                return _default(method.args, "is_causal")
    return None


def _default(arguments: ast.arguments, name: str) -> bool | None:
    """The default of a boolean argument; None if it has none."""
    positional = [*arguments.posonlyargs, *arguments.args]
    defaults = [None] * (len(positional) - len(arguments.defaults)) + list(arguments.defaults)
    pairs = [*zip(positional, defaults, strict=True), *zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)]
    for argument, default in pairs:
        if argument.arg == name and isinstance(default, ast.Constant) and isinstance(default.value, bool):
            return default.value
    return None


def _both_ways(architecture: Architecture, config: Config) -> Architecture:
    """The architecture without causal masks; a sliding window extends in both directions."""
    stacks = tuple(
        replace(
            stack, layers=tuple(replace(layer, mask=_without_causality(layer.mask, config)) for layer in stack.layers)
        )
        for stack in architecture.stacks
    )
    return replace(architecture, stacks=stacks)


def _without_causality(mask: Mask, config: Config) -> Mask:
    if isinstance(mask, Causal):
        return NoMask()
    if isinstance(mask, Sliding):
        return Local(mask.window + 1)  # in transformers this window extends `window` tokens to either side
    if isinstance(mask, NoMask | Local):
        return mask
    raise DocumentError(
        f"{config.where}: is bidirectional with a mask that attn does not compute",
        hint="a wrong picture would be worse than none",
    )
