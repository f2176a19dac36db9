"""Checkpoints that bring code of their own, or look both ways: what is computed, and what a reader should know."""

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
"""`model_type` and the class that `auto_map` names, of checkpoints whose code looks both ways → what they are."""
LARGEST = 2**20
"""Bytes of the longest file of code that is looked into."""


def attended(architecture: Architecture, config: Config) -> Architecture:
    """The architecture without causal masks where the config, or the code beside it, has none; notes go to the config.

    Nothing of that code is run: it is looked into for the default of `is_causal`.
    """
    named = _named_code(config)
    if not config.flag("is_causal", True):
        config.notes.append("is_causal is false in config.json: queries look at later keys too")
        return _both_ways(architecture, config)
    if named is None:
        return architecture
    causal = _is_causal(config, named)
    known = BOTH_WAYS.get((config.word("model_type", ""), named))
    if causal is False or (causal is None and known is not None):
        why = f"{named.partition('.')[0]}.py says so" if causal is False else f"so do {known}, which name it alike"
        config.notes.append(
            f"config.json's auto_map names {named}, which looks both ways ({why}): "
            "no causal mask is set, --mask causal sets one"
        )
        return _both_ways(architecture, config)
    config.notes.append(
        f"config.json's auto_map names code of its own, {named}, which attn does not run: "
        f"computed is {config.word('model_type')} as transformers has it"
    )
    return architecture


def _named_code(config: Config) -> str | None:
    """The class that loads the model by code of its own, `file.Class`; None if there is none."""
    classes = config.get("auto_map", None)
    if not isinstance(classes, dict):
        return None
    for key in ("AutoModel", *(key for key in classes if key.startswith(("AutoModelFor", "TFAuto", "FlaxAuto")))):
        value = classes.get(key)
        if isinstance(value, str) and value:
            return value.rpartition("--")[2][:100]  # owner/name--file.Class names another repository's code
    return None


def _is_causal(config: Config, named: str) -> bool | None:
    """The default of `is_causal` in the forward pass of a class, if its file is in the folder; None if unknown."""
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
    """The default of an argument that is true or false, None if it has no such one."""
    given = [*arguments.posonlyargs, *arguments.args]
    defaults = [None] * (len(given) - len(arguments.defaults)) + list(arguments.defaults)
    pairs = [*zip(given, defaults, strict=True), *zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)]
    for argument, default in pairs:
        if argument.arg == name and isinstance(default, ast.Constant) and isinstance(default.value, bool):
            return default.value
    return None


def _both_ways(architecture: Architecture, config: Config) -> Architecture:
    """Every layer without its causal mask; a window reaches as far forward as back."""
    stacks = tuple(
        replace(stack, layers=tuple(replace(layer, mask=_seen(layer.mask, config)) for layer in stack.layers))
        for stack in architecture.stacks
    )
    return replace(architecture, stacks=stacks)


def _seen(mask: Mask, config: Config) -> Mask:
    if isinstance(mask, Causal):
        return NoMask()
    if isinstance(mask, Sliding):
        return Local(mask.window + 1)  # transformers lets this window reach `window` tokens to either side
    if isinstance(mask, NoMask | Local):
        return mask
    raise DocumentError(
        f"{config.where}: looks both ways through a mask of its own, which attn does not compute",
        hint="a wrong picture would be worse than none",
    )
