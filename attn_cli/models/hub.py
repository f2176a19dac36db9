"""From what a user calls a model to a folder: a path, or a name looked up in the local cache and then on the hub."""

import json
import os
import re
import sys
from collections.abc import Iterator
from typing import Any

from attn_cli.errors import AttnError, DocumentError
from attn_cli.models.gguf import is_gguf
from attn_cli.models.tensors import INDEX, SINGLE

TOKENIZERS = ("tokenizer.json", "tokenizer_config.json", "vocab.txt", "vocab.json", "merges.txt", "tokenizer.model")
_NAME = re.compile(r"[\w.-]+(/[\w.-]+)?", re.ASCII)


def found(model: str) -> str:
    """The folder or GGUF file of a model; what exists, or starts with `.`, `/` or `~`, is never looked up as a name."""
    path = os.path.expanduser(model)
    if os.path.isdir(path) or (is_gguf(path) and os.path.exists(path)):
        return path
    if is_gguf(path):
        raise DocumentError(f"{model}: no such file", hint="check the path")
    if os.path.exists(path):
        raise DocumentError(f"{model}: is a file", hint="name the folder that holds config.json and the weights")
    if model.startswith((".", "/", "~")) or not _NAME.fullmatch(model):
        raise DocumentError(f"{model}: no such folder", hint="name the folder that holds config.json and the weights")
    return _fetched(model)


def _fetched(name: str) -> str:
    """The snapshot of a name: from the cache where it is whole, else its missing files from the hub."""
    library = _library()
    folder = _cached(library, name)
    if folder is not None and all(os.path.exists(os.path.join(folder, file)) for file in _weights(folder)):
        return folder
    library.utils.logging.set_verbosity_error()  # what goes wrong is said once, by us
    if not sys.stderr.isatty():
        library.utils.disable_progress_bars()
    folder = os.path.dirname(str(_download(library, name, "config.json")))
    for file in TOKENIZERS:
        _download(library, name, file, optional=True)
    if (
        _download(library, name, SINGLE, optional=True) is None
        and _download(library, name, INDEX, optional=True) is None
    ):
        raise DocumentError(
            f"{name}: holds no {SINGLE} on the hub", hint="choose a checkpoint with safetensors, or convert it"
        )
    for file in _weights(folder):
        _download(library, name, file)
    return folder


def _library() -> Any:
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    try:
        import huggingface_hub
    except ImportError as error:
        raise AttnError(
            "a model's name needs the package huggingface_hub", hint="pip install 'attn-cli[models]' brings it"
        ) from error
    return huggingface_hub


def _cached(library: Any, name: str) -> str | None:
    """The snapshot's folder in the local cache, None where it is not there."""
    try:
        path = library.try_to_load_from_cache(name, "config.json")
    except Exception:  # a name that the hub could not have
        return None
    return os.path.dirname(path) if isinstance(path, str) else None


def _weights(folder: str) -> Iterator[str]:
    """The files that hold the weights: the shards that the index names, or the single file."""
    index = os.path.join(folder, INDEX)
    if not os.path.exists(index):
        yield SINGLE
        return
    try:
        with open(index, "rb") as file:
            yield from dict.fromkeys(json.load(file)["weight_map"].values())
    except (OSError, ValueError, LookupError, AttributeError) as error:
        raise DocumentError(f"{index}: is no index of shards", hint="delete it, and fetch the model again") from error


def _download(library: Any, name: str, file: str, *, optional: bool = False) -> Any:
    """The path of a file of the snapshot; None for an optional one that the hub has not."""
    errors = library.errors
    try:
        return library.hf_hub_download(name, file)
    except (errors.EntryNotFoundError, errors.LocalEntryNotFoundError) as error:
        if optional and not isinstance(error, errors.LocalEntryNotFoundError):
            return None
        if optional and library.constants.HF_HUB_OFFLINE:
            return None
        raise DocumentError(f"{name}: {file} is neither in the cache nor to be had", hint=_HINT) from error
    except errors.RepositoryNotFoundError as error:
        raise DocumentError(f"{name}: no such folder, and no such model on the hub", hint="check the name") from error
    except Exception as error:  # the network has many ways to fail
        what = f"{type(error).__name__}: {error}".partition("\n")[0][:200]
        raise DocumentError(f"{name}: {file} cannot be fetched: {what}", hint=_HINT) from error


_HINT = "check the connection, or fetch the model's folder another way and name it with -m ./folder"
