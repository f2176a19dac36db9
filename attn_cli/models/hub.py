"""From what a user calls a model to a folder: a path, or a name looked up in the local cache and then on the hub."""

import os
import re

from attn_cli.errors import DocumentError

TOKENIZERS = ("tokenizer.json", "tokenizer_config.json", "vocab.txt", "vocab.json", "merges.txt", "tokenizer.model")


def found(model: str) -> str:
    """The folder of a model; what exists, or starts with `.`, `/` or `~`, is never looked up as a name."""
    path = os.path.expanduser(model)
    if os.path.exists(path) or model.startswith((".", "/", "~")):
        if os.path.isdir(path):
            return path
        what = "is a file" if os.path.exists(path) else "no such folder"
        raise DocumentError(f"{model}: {what}", hint="name the folder that holds config.json and the weights")
    if not re.fullmatch(r"[\w.-]+(/[\w.-]+)?", model):
        raise DocumentError(f"{model}: no such folder, and no name that the hub could have", hint="check the path")
    raise DocumentError(f"{model}: no such folder", hint="name the folder that holds config.json and the weights")
