"""The GGUF files of a repository, and what a tag such as Q4_K_M means among them."""

import os
import re
from collections.abc import Iterable, Sequence

from attn_cli.models.gguf import is_gguf, parts

SHOWN = 5


def models(files: Iterable[str]) -> list[str]:
    """The models among all files: of several parts the first, and none that only projects pictures."""
    found = [file for file in files if is_gguf(file) and not os.path.basename(file).startswith("mmproj")]
    return sorted(file for file in found if parts(file)[0] == file)


def meant(files: Iterable[str], tag: str) -> list[str]:
    """The files that a tag means: by their whole name, or by how it ends; a recipe that is called UD- is another."""
    ending = re.compile(rf"(?:.*(?<!UD)[-._/])?{re.escape(tag)}", re.IGNORECASE)
    return [file for file in files if parts(tag)[0] == file or ending.fullmatch(_stem(file))]


def tag_of(files: Sequence[str]) -> str:
    """A tag that means the first of the files, as short as can be."""
    if not files:
        return "Q4_K_M"
    tag = re.split(r"[-.]", _stem(files[0]))[-1]
    return tag if meant(files, tag) == [files[0]] else files[0]


def some(files: Sequence[str]) -> str:
    """The first few of the names, and how many there are besides."""
    shown = ", ".join(files[:SHOWN]) or "none"
    return f"{shown} and {len(files) - SHOWN} more" if len(files) > SHOWN else shown


def _stem(file: str) -> str:
    """A file's name without its suffix, and without which part of how many it is."""
    return re.sub(r"(-\d{5}-of-\d{5})?\.gguf$", "", file, flags=re.IGNORECASE)
