"""The GGUF files of a repository, and the file that a tag such as Q4_K_M means among them."""

import os
import re
from collections.abc import Iterable, Sequence

from attn_cli.models.gguf import SUFFIX, shards

SHOWN = 5


def models(files: Iterable[str]) -> list[str]:
    """The models among all files: the first file of each that is split, and none that only projects pictures."""
    names = [file for file in files if file.lower().endswith(SUFFIX)]
    return sorted(name for name in names if not os.path.basename(name).startswith("mmproj") and shards(name)[0] == name)


def tagged(files: Iterable[str], tag: str) -> list[str]:
    """The files that a tag means: by their whole name, or by how it ends; a recipe that is called UD- is another."""
    ending = re.compile(rf"(?:.*(?<!UD)[-._/])?{re.escape(tag)}", re.IGNORECASE)
    return [file for file in files if shards(tag)[0] == file or ending.fullmatch(_stem(file))]


def tag_of(files: Sequence[str]) -> str:
    """A tag that means the first of the files, as short as can be."""
    if not files:
        return "Q4_K_M"
    tag = re.split(r"[-.]", _stem(files[0]))[-1]
    return tag if tagged(files, tag) == [files[0]] else files[0]


def some(files: Sequence[str]) -> str:
    """The first few of the names, and how many more there are."""
    shown = ", ".join(files[:SHOWN]) or "none"
    return f"{shown} and {len(files) - SHOWN} more" if len(files) > SHOWN else shown


def _stem(file: str) -> str:
    """A file's name without its suffix and without the number of the shard."""
    return re.sub(r"(-\d{5}-of-\d{5})?\.gguf$", "", file, flags=re.IGNORECASE)
