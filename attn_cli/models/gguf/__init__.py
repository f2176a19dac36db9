"""llama.cpp's GGUF files: one file that holds a config, a tokenizer and (mostly quantized) tensors."""

import os

SUFFIX = ".gguf"


def is_gguf(path: str) -> bool:
    """Whether a path names a GGUF file, by its suffix."""
    return path.lower().endswith(SUFFIX) and not os.path.isdir(path)
