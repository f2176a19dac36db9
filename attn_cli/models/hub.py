"""Resolve a model's path, or its name in the local cache or on the hub, to a folder or GGUF file."""

import os
import re

from attn_cli.errors import DocumentError
from attn_cli.models.files.other import file_error, folder_of_several
from attn_cli.models.gguf import is_gguf
from attn_cli.models.hub_files import fetched_folder, fetched_gguf, snapshot_of

_NAME = re.compile(r"[\w.-]+(/[\w.-]+)?", re.ASCII)
_TAGGED = re.compile(r"([\w.-]+/[\w.-]+):([\w.+-]+(?:/[\w.+-]+)*)", re.ASCII)
_CACHED = re.compile(r"models--([\w.-]+?)--([\w.-]+)/?", re.ASCII)
_FOLDER = "name the folder that holds config.json and the weights"


def resolved(model: str) -> str:
    """The folder or GGUF file of a model; DocumentError if there is none.

    An existing path, or one that starts with `.`, `/` or `~`, is never a name. A name is `owner/name`, or
    `owner/name:Q4_K_M` for one of a repository's GGUF files, as in llama.cpp and Ollama. A folder
    `models--owner--name`, as in the cache, means its newest snapshot.
    """
    path = os.path.expanduser(model)
    if os.path.isdir(path):
        return folder_of_several(snapshot_of(path) or path)
    is_name = not model.startswith((".", "/", "~"))
    if os.path.exists(path):
        if is_gguf(path):
            return path
        raise file_error(model)
    if is_name and (tagged := _TAGGED.fullmatch(model)):
        return fetched_gguf(tagged[1], tagged[2])
    if is_gguf(path):
        raise DocumentError(f"{model}: no such file", hint="check the path; one on the hub is named owner/name:Q4_K_M")
    if is_name and (cached := _CACHED.fullmatch(model)):
        return fetched_folder(f"{cached[1]}/{cached[2]}")
    if not is_name or not _NAME.fullmatch(model):
        raise DocumentError(f"{model}: no such folder", hint=_FOLDER)
    return fetched_folder(model)
