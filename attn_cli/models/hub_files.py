"""The files of a model on the hub, from the local cache if complete, or else fetched."""

import glob
import json
import os
import sys
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from attn_cli.errors import AttnError, DocumentError
from attn_cli.installing import install_hint
from attn_cli.models.files.names import INDICES, SINGLE, TOKENIZERS, WEIGHTS
from attn_cli.models.gguf import shards
from attn_cli.models.gguf.tags import models, some, tag_of, tagged
from attn_cli.models.hub_errors import refusal

CONFIG = "config.json"


def fetched_folder(name: str) -> str:
    """The folder of a name's snapshot, from the cache if complete, or else with missing files fetched from the hub."""
    folder = _cached(name)
    if folder is not None and not _missing(folder):
        return folder
    files = _listed(name, folder)
    if CONFIG not in files:
        raise _lacking(name, CONFIG, files)
    weights = next((file for file in WEIGHTS if file in files), None)
    if weights is None:
        raise _lacking(name, SINGLE, files)
    folder = _download(name, [CONFIG, weights, *(file for file in TOKENIZERS if file in files)])
    folder = _download(name, shards_of(os.path.join(folder, weights))) if weights in INDICES else folder
    if missing := _missing(folder):
        raise DocumentError(f"{name}: {missing[0]} was not fetched", hint="run the command again")
    return folder


def fetched_gguf(name: str, tag: str) -> str:
    """The GGUF file of a tag in a repository, with its other shards, from the cache or else from the hub."""
    folder = _cached(name)
    if folder is not None:
        cached = list(_files_of(folder))
        named = tagged(models(cached), tag)
        if len(named) == 1 and all(shard in cached for shard in shards(named[0])):
            return os.path.join(folder, named[0])
    available = models(_listed(name, folder))
    named = tagged(available, tag)
    if len(named) != 1:
        matches = "of no" if not named else f"of {len(named)} of its"
        raise DocumentError(
            f"{name}: {tag} is the name {matches} GGUF files; there are {some(named or available)}",
            hint=f"name one: -m {name}:{named[0]}" if named else f"such as -m {name}:{tag_of(available)}",
        )
    return os.path.join(_download(name, shards(named[0])), named[0])


def snapshot_of(root: str) -> str | None:
    """The newest snapshot in a repository's folder of the cache, models--owner--name; None if there is none."""
    snapshots = os.path.join(root, "snapshots")
    try:
        with open(os.path.join(root, "refs", "main"), encoding="ascii") as file:
            commit = file.read().strip()
    except (OSError, ValueError):
        commit = ""
    if commit and os.path.isdir(named := os.path.join(snapshots, os.path.basename(commit))):
        return named
    folders = [entry for entry in os.scandir(snapshots) if entry.is_dir()] if os.path.isdir(snapshots) else []
    return max(folders, key=lambda entry: entry.stat().st_mtime).path if folders else None


def shards_of(index: str) -> list[str]:
    """The shards that an index names; DocumentError if it is not an index."""
    try:
        with open(index, "rb") as file:
            return list(dict.fromkeys(map(str, json.load(file)["weight_map"].values())))
    except (OSError, ValueError, LookupError, AttributeError, TypeError, RecursionError) as error:
        raise DocumentError(
            f"{index}: is not an index of shards", hint="delete it, and fetch the model again"
        ) from error


def _missing(folder: str) -> list[str]:
    """The files missing from a snapshot: its config, its weights, or shards."""
    weights = next((file for file in WEIGHTS if os.path.exists(os.path.join(folder, file))), SINGLE)
    needed = [CONFIG, weights]
    if weights in INDICES:
        needed += shards_of(os.path.join(folder, weights))
    return [file for file in needed if not os.path.exists(os.path.join(folder, file))]


def _lacking(name: str, file: str, files: Sequence[str]) -> DocumentError:
    """The error for a repository without a needed file; it names what the repository holds instead."""
    if gguf := models(files):
        return DocumentError(
            f"{name}: holds no {file}, but GGUF files: {some(gguf)}", hint=f"name one: -m {name}:{tag_of(gguf)}"
        )
    if file == CONFIG:
        return DocumentError(f"{name}: holds no {CONFIG} on the hub", hint="check that it is a model's repository")
    from attn_cli.models.files.other import other_weights

    return other_weights(name, [*files])


def _listed(name: str, cached: str | None) -> list[str]:
    """The names of a repository's files; DocumentError if the hub does not answer."""
    library = _library()
    if library.constants.HF_HUB_OFFLINE and cached is not None:
        missing = (_missing(cached) or ["that file"])[0]
        raise DocumentError(
            f"{name}: {missing} is not in the cache, and HF_HUB_OFFLINE is set", hint="unset HF_HUB_OFFLINE"
        )
    _quieten()
    try:
        # This call does not retry, so that an error shows at once.
        info = library.HfApi().model_info(name, timeout=library.constants.HF_HUB_ETAG_TIMEOUT)
    except Exception as error:  # the network has many ways to fail
        raise refusal(name, error, f"{library.constants.ENDPOINT}/{name}") from error
    return [file.rfilename for file in info.siblings or ()]


def _download(name: str, files: Collection[str]) -> str:
    """Fetch these files, and return the snapshot's folder."""
    library = _library()
    try:
        return str(library.snapshot_download(name, allow_patterns=[glob.escape(file) for file in files]))
    except Exception as error:  # the network has many ways to fail
        raise refusal(name, error, f"{library.constants.ENDPOINT}/{name}") from error


def _cached(name: str) -> str | None:
    """The snapshot's folder in the local cache; None if it is not cached."""
    library = _library()
    return snapshot_of(os.path.join(library.constants.HF_HUB_CACHE, f"models--{name.replace('/', '--')}"))


def _files_of(folder: str) -> Iterator[str]:
    """The files in a folder and its subfolders, as the hub names them."""
    for path, _, names in os.walk(folder):
        for file in names:
            yield os.path.relpath(os.path.join(path, file), folder).replace(os.sep, "/")


def _library() -> Any:
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    try:
        import huggingface_hub
        import huggingface_hub.constants
    except ImportError as error:
        raise AttnError("a model's name needs the package huggingface_hub", hint=install_hint("models")) from error
    return huggingface_hub


def _quieten() -> None:
    """Silence the library unless standard error is a terminal, where it shows progress and retries."""
    if not sys.stderr.isatty():
        import huggingface_hub.utils

        utils: Any = huggingface_hub.utils
        utils.logging.set_verbosity_error()
        utils.disable_progress_bars()
