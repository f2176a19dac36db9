"""Access to the package tokenizers; each of its failures becomes an AttnError."""

import json
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from attn_cli.errors import AttnError
from attn_cli.installing import install_hint

LONGEST = 10**7
"""The limit of characters that a tokenizer may make of a text, so that memory suffices."""


def tokenizers_library() -> Any:
    """The package tokenizers; AttnError if it is not installed."""
    try:
        import tokenizers
    except ImportError as error:
        raise AttnError("reading a model's text needs the package tokenizers", hint=install_hint("models")) from error
    return tokenizers


@contextmanager
def library_errors(explain: Callable[[str], AttnError]) -> Iterator[None]:
    """Turn any exception of the library into the error that `explain` makes from its message.

    The library is written in Rust. A panic raises a BaseException and prints a trace, so standard error is muted.
    """
    try:
        with _muted():
            yield
    except (AttnError, KeyboardInterrupt, SystemExit, MemoryError):
        raise
    except BaseException as error:
        raise explain(f"{type(error).__name__}: {error}".partition("\n")[0][:200]) from error


@contextmanager
def _muted() -> Iterator[None]:
    """Discard standard error, for code that writes to it outside Python."""
    if sys.stderr is not None:
        with suppress(OSError, ValueError):
            sys.stderr.flush()
    try:
        saved = os.dup(2)
    except OSError:  # closed already
        yield
        return
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 2)
        os.close(nowhere)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)


def state_of(part: Any) -> dict[str, Any]:
    """The settings of a tokenizer's component, as in tokenizer.json; empty for None."""
    if part is None:
        return {}
    state: dict[str, Any] = json.loads(part.__getstate__())
    return state


def growth(normalizer: Mapping[str, Any], post_processor: Mapping[str, Any]) -> float:
    """The largest factor by which replacements and repeating templates lengthen a text."""
    return _replaced(normalizer) * _repeated(post_processor)


def _replaced(part: Mapping[str, Any]) -> float:
    """The largest factor by which a normalizer, or a sequence of them, lengthens a text."""
    factor = 1.0
    for inner in part.get("normalizers", ()):
        factor *= _replaced(inner)
    if part.get("type") == "Replace":
        pattern = part.get("pattern", {}).get("String")
        content = len(part.get("content", ""))
        factor *= max(1.0, content / len(pattern) if pattern else content + 1.0)
    return factor


def _repeated(part: Mapping[str, Any]) -> float:
    """How often a template, or a sequence of them, repeats a text."""
    factor = 1.0
    for inner in part.get("processors", ()):
        factor *= _repeated(inner)
    if part.get("type") == "TemplateProcessing":
        for template in (part.get("single", ()), part.get("pair", ())):
            texts = Counter(piece["Sequence"].get("id") for piece in template if "Sequence" in piece)
            factor = max(factor, *texts.values(), 1)
    return factor
