"""The texts of a command line: TEXT or standard input, checked that no file was meant."""

import os
import shlex

from attn_cli.cli.options import CheckpointOptions, InputOptions
from attn_cli.errors import DocumentError, refuse
from attn_cli.sources.documents.files import read_text

SUFFIXES = (".json", ".npz", ".npy", ".csv", ".safetensors")
"""What the names of documents end in."""
CONFIG, GGUF = "config.json", b"GGUF"


def is_document(text: str) -> bool:
    """Whether a text is the path of a document: the file exists, or the name ends like one; `-` is one too."""
    return text == "-" or os.path.exists(text) or os.path.splitext(text)[1].lower() in SUFFIXES


def text_of(source: InputOptions) -> str | None:
    """TEXT, or standard input for `-`; DocumentError where it is a file's name, or JSON, and --text is not given."""
    if source.text is None:
        refuse("there is no TEXT", {"--text": source.as_text})
    if source.text == "-":
        return read_piped(as_text=source.as_text)
    if not source.as_text:
        refuse_file(source.text)
        refuse_file(source.context)
    return source.text


def refuse_files(source: InputOptions, checkpoint: CheckpointOptions) -> None:
    """Raise DocumentError where a text for a checkpoint is a file's name and --text is not given."""
    if not source.as_text:
        for text in (checkpoint.pair, checkpoint.target):
            refuse_file(text)


def refuse_file(text: str | None) -> None:
    """Raise DocumentError where a text is the name of a file or folder."""
    if text is None or not os.path.exists(text):
        return
    what = "folder" if os.path.isdir(text) else "file"
    raise DocumentError(f"{text!r} is a {what}, not a text", hint=f"{_use(text)}; --text says that it is a text")


def read_piped(*, as_text: bool = False) -> str:
    """Standard input; DocumentError where it is a JSON object and not said to be a text."""
    text = read_text()
    if not as_text and text.lstrip().startswith("{") and _is_object(text):
        raise DocumentError(
            "standard input is a JSON object, not a text",
            hint="-w - reads it as a document; --text says that it is a text",
        )
    return text


def _use(path: str) -> str:
    """The option that reads a file or a folder."""
    typed = shlex.quote(path)
    if os.path.isdir(path):
        if os.path.exists(os.path.join(path, CONFIG)):
            return f"use -m {typed}"
        return f"use -m for the folder of a checkpoint, -w for a file in {typed}"
    try:
        with open(path, "rb") as file:
            begin = file.read(len(GGUF))
    except OSError:
        begin = b""
    if begin == GGUF or path.lower().endswith(".gguf"):
        return f"use -m {typed}"
    if os.path.splitext(path)[1].lower() in SUFFIXES:
        return f"use -w {typed}"
    return f"use -w {typed} if it is a document, - < {typed} for the text in it"


def _is_object(text: str) -> bool:
    import json

    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False
    except RecursionError:  # JSON nested as deeply as no text is
        return True
