"""The GGUF files of a repository, and the file of a tag such as Q4_K_M."""

import os
import re
from collections.abc import Iterable, Sequence

from attn_cli.models.gguf import SUFFIX, shards

SHOWN = 5


def models(files: Iterable[str]) -> list[str]:
    """The models among files: for a split model its first shard; projectors of pictures are left out."""
    names = [file for file in files if file.lower().endswith(SUFFIX)]
    return sorted(name for name in names if not os.path.basename(name).startswith("mmproj") and shards(name)[0] == name)


def tagged(files: Iterable[str], tag: str) -> list[str]:
    """The files of a tag: a full name, or the end of a name; the prefix UD- is part of another tag."""
    ending = re.compile(rf"(?:.*(?<!UD)[-._/])?{re.escape(tag)}", re.IGNORECASE)
    return [file for file in files if shards(tag)[0] == file or ending.fullmatch(_stem(file))]


def tag_of(files: Sequence[str]) -> str:
    """The shortest tag of the first file."""
    if not files:
        return "Q4_K_M"
    tag = re.split(r"[-.]", _stem(files[0]))[-1]
    return tag if tagged(files, tag) == [files[0]] else files[0]


def some(files: Sequence[str]) -> str:
    """The first few names, and the number of others."""
    listed = ", ".join(files[:SHOWN]) or "none"
    return f"{listed} and {len(files) - SHOWN} more" if len(files) > SHOWN else listed


def _stem(file: str) -> str:
    """A file's name without suffix and shard number."""
    return re.sub(r"(-\d{5}-of-\d{5})?\.gguf$", "", file, flags=re.IGNORECASE)
