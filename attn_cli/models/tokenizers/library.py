"""The package tokenizers, whose every way to fail becomes an error in two lines."""

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
"""Characters of the longest text that a tokenizer may make of a text: more would fill the memory."""


def tokenizers_library() -> Any:
    """The package tokenizers; AttnError where it is missing."""
    try:
        import tokenizers
    except ImportError as error:
        raise AttnError("reading a model's text needs the package tokenizers", hint=install_hint("models")) from error
    return tokenizers


@contextmanager
def library_errors(explain: Callable[[str], AttnError]) -> Iterator[None]:
    """Within it, whatever the library raises becomes the error that `explain` makes of its words.

    The library is written in Rust. Where it panics it raises what is not an Exception, and prints a trace by itself:
    nothing is printed while it works.
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
    """Standard error leads nowhere, for code that writes to it without asking Python."""
    if sys.stderr is not None:
        with suppress(OSError, ValueError):
            sys.stderr.flush()
    try:
        kept = os.dup(2)
    except OSError:  # closed already
        yield
        return
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 2)
        os.close(nowhere)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def state_of(part: Any) -> dict[str, Any]:
    """The settings of a tokenizer's part, as tokenizer.json has them; empty where there is no such part."""
    if part is None:
        return {}
    state: dict[str, Any] = json.loads(part.__getstate__())
    return state


def growth(normalizer: Mapping[str, Any], post_processor: Mapping[str, Any]) -> float:
    """How many times as long as a text its tokens may come to be, by replacements and by templates that repeat it."""
    return _replaced(normalizer) * _repeated(post_processor)


def _replaced(part: Mapping[str, Any]) -> float:
    """The factor of a normalizer, or of several one after another."""
    factor = 1.0
    for inner in part.get("normalizers", ()):
        factor *= _replaced(inner)
    if part.get("type") == "Replace":
        pattern = part.get("pattern", {}).get("String")
        content = len(part.get("content", ""))
        factor *= max(1.0, content / len(pattern) if pattern else content + 1.0)
    return factor


def _repeated(part: Mapping[str, Any]) -> float:
    """How often a template, or several one after another, repeat a text."""
    factor = 1.0
    for inner in part.get("processors", ()):
        factor *= _repeated(inner)
    if part.get("type") == "TemplateProcessing":
        for template in (part.get("single", ()), part.get("pair", ())):
            texts = Counter(piece["Sequence"].get("id") for piece in template if "Sequence" in piece)
            factor = max(factor, *texts.values(), 1)
    return factor
