"""From what a user calls a model to a folder or a GGUF file: a path, or a name in the local cache or on the hub."""

import json
import os
import re
import sys
from collections.abc import Iterator
from typing import Any

from attn_cli.errors import AttnError, DocumentError
from attn_cli.installing import install_hint
from attn_cli.models.files.tensors import INDEX, SINGLE
from attn_cli.models.gguf import is_gguf, parts
from attn_cli.models.gguf.tags import meant, models, some, tag_of

TOKENIZERS = (
    "tokenizer.json", "tokenizer_config.json", "vocab.txt", "vocab.json", "merges.txt", "tokenizer.model",
    "spiece.model", "spm.model", "sentencepiece.bpe.model", "source.spm", "target.spm", "target_vocab.json",
    "special_tokens_map.json", "added_tokens.json",
)  # fmt: skip
_NAME = re.compile(r"[\w.-]+(/[\w.-]+)?", re.ASCII)
_TAGGED = re.compile(r"([\w.-]+/[\w.-]+):([\w.+-]+(?:/[\w.+-]+)*)", re.ASCII)


def resolved(model: str) -> str:
    """The folder or GGUF file of a model; what exists, or starts with `.`, `/` or `~`, is never looked up as a name.

    A name is `owner/name`, or `owner/name:Q4_K_M` for one of a repository's GGUF files, as in llama.cpp and Ollama.
    """
    path = os.path.expanduser(model)
    if os.path.isdir(path) or (is_gguf(path) and os.path.exists(path)):
        return path
    if not model.startswith((".", "/", "~")) and (tagged := _TAGGED.fullmatch(model)) and not os.path.exists(path):
        return _fetched_file(tagged[1], tagged[2])
    if is_gguf(path):
        raise DocumentError(f"{model}: no such file", hint="check the path; one on the hub is named owner/name:Q4_K_M")
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
    _quieten(library)
    config = _download(library, name, "config.json", optional=True)
    if config is None:
        raise _lacking(library, name, "config.json")
    folder = os.path.dirname(str(config))
    for file in TOKENIZERS:
        _download(library, name, file, optional=True)
    if (
        _download(library, name, SINGLE, optional=True) is None
        and _download(library, name, INDEX, optional=True) is None
    ):
        raise _lacking(library, name, SINGLE)
    for file in _weights(folder):
        _download(library, name, file)
    return folder


def _quieten(library: Any) -> None:
    library.utils.logging.set_verbosity_error()  # what goes wrong is said once, by us
    if not sys.stderr.isatty():
        library.utils.disable_progress_bars()


def _fetched_file(name: str, tag: str) -> str:
    """The GGUF file of a repository that a tag means, with its other parts: from the cache, else from the hub."""
    library = _library()
    folder = _snapshot(library, name)
    if folder is not None:
        cached = list(_files_of(folder))
        files = meant(models(cached), tag)
        if len(files) == 1 and all(part in cached for part in parts(files[0])):
            return os.path.join(folder, files[0])
    _quieten(library)
    there = _listed(library, name)
    files = meant(there, tag)
    if len(files) != 1:
        what = "of no" if not files else f"of {len(files)} of its"
        raise DocumentError(
            f"{name}: {tag} is the name {what} GGUF files; there are {some(files or there)}",
            hint=f"name one: -m {name}:{files[0]}" if files else f"such as -m {name}:{tag_of(there)}",
        )
    fetched = [str(_download(library, name, part)) for part in parts(files[0])]
    return fetched[0]


def _listed(library: Any, name: str) -> list[str]:
    """A repository's GGUF files; DocumentError where they cannot be asked for."""
    try:
        return models(library.list_repo_files(name))
    except library.errors.RepositoryNotFoundError as error:
        raise DocumentError(f"{name}: no such model on the hub", hint="check the name") from error
    except Exception as error:  # the network has many ways to fail
        raise DocumentError(f"{name}: its files cannot be listed: {_said(error)}", hint=_HINT) from error


def _lacking(library: Any, name: str, file: str) -> DocumentError:
    """The error for a repository without a file that a folder needs, which may hold GGUF files instead."""
    try:
        files = _listed(library, name)
    except DocumentError:
        files = []
    if files:
        return DocumentError(
            f"{name}: holds no {file}, but GGUF files: {some(files)}", hint=f"name one: -m {name}:{tag_of(files)}"
        )
    if file == SINGLE:
        hint = "choose a checkpoint with safetensors, or convert it"
        return DocumentError(f"{name}: holds no {SINGLE} on the hub", hint=hint)
    return DocumentError(f"{name}: {file} is neither in the cache nor to be had", hint=_HINT)


def _snapshot(library: Any, name: str) -> str | None:
    """The folder of what the cache has of a repository, None where it has nothing."""
    try:
        return str(library.snapshot_download(name, local_files_only=True))
    except Exception:  # nothing there, or a name that the hub could not have
        return None


def _files_of(folder: str) -> Iterator[str]:
    """The files in a folder and in those below it, as the hub names them."""
    for place, _, names in os.walk(folder):
        for file in names:
            yield os.path.relpath(os.path.join(place, file), folder).replace(os.sep, "/")


def _library() -> Any:
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    try:
        import huggingface_hub
    except ImportError as error:
        raise AttnError("a model's name needs the package huggingface_hub", hint=install_hint("models")) from error
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
        raise DocumentError(f"{name}: {file} cannot be fetched: {_said(error)}", hint=_HINT) from error


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".partition("\n")[0][:200]


_HINT = "check the connection, or fetch the model's folder another way and name it with -m ./folder"
