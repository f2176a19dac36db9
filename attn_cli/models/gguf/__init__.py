"""llama.cpp's GGUF files: a config, a tokenizer and (mostly quantized) tensors in one file or several shards."""

import os
import re

SUFFIX, MAGIC = ".gguf", b"GGUF"
_SHARD = re.compile(r"(.*)-(\d{5})-of-(\d{5})(\.gguf)", re.IGNORECASE | re.DOTALL | re.ASCII)


def is_gguf(path: str) -> bool:
    """Whether a path is a GGUF file, by its suffix or, as Ollama's files have none, by its first bytes."""
    if os.path.isdir(path):
        return False
    return path.lower().endswith(SUFFIX) or begins_as_gguf(path)


def begins_as_gguf(path: str) -> bool:
    """Whether a file begins like a GGUF file; False if it is unreadable or not a regular file."""
    try:
        if not os.path.isfile(path):
            return False
        with open(path, "rb") as file:
            return file.read(len(MAGIC)) == MAGIC
    except (OSError, ValueError):
        return False


def shards(path: str) -> tuple[str, ...]:
    """The names of all shards of the model of a shard such as name-00002-of-00003.gguf; else only the path."""
    match = _SHARD.fullmatch(path)
    if match is None:
        return (path,)
    begin, count = match[1], int(match[3])
    return tuple(f"{begin}-{number:05}-of-{count:05}{match[4]}" for number in range(1, count + 1)) or (path,)
