"""llama.cpp's GGUF files: a config, a tokenizer and (mostly quantized) tensors in one file, or split over several."""

import os
import re

SUFFIX = ".gguf"
_PART = re.compile(r"(.*)-(\d{5})-of-(\d{5})(\.gguf)", re.IGNORECASE | re.DOTALL | re.ASCII)


def is_gguf(path: str) -> bool:
    """Whether a path names a GGUF file, by its suffix."""
    return path.lower().endswith(SUFFIX) and not os.path.isdir(path)


def parts(path: str) -> tuple[str, ...]:
    """The names of all parts of a model of which one is named, name-00002-of-00003.gguf; else the path alone."""
    match = _PART.fullmatch(path)
    if match is None:
        return (path,)
    begin, count = match[1], int(match[3])
    return tuple(f"{begin}-{number:05}-of-{count:05}{match[4]}" for number in range(1, count + 1)) or (path,)
