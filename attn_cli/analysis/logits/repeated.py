"""Random tokens said twice, on which induction and duplicate-token heads show what they do."""

import os
from hashlib import sha256

from attn_cli.errors import DocumentError, SelectionError
from attn_cli.models.model import Model
from attn_cli.models.opened import OpenedCheckpoint
from attn_cli.trace.files.parsing import parse_json


def repeated_ids(opened: OpenedCheckpoint, count: int, seed: int) -> str:
    """Token ids [BOS, r, r], r being `count` different tokens drawn from the seed, as `--ids` spells them.

    A token of r is none of the tokenizer's special ones; without a BOS, which not every model has, it is [r, r]. The
    same seed draws the same tokens on every machine. SelectionError where the model has too few tokens or places.
    """
    model = opened.model
    if len(model.architecture.stacks) > 1:
        raise SelectionError(
            f"{opened.path} is an encoder-decoder, which --repeat does not run", hint="give TEXT and --target instead"
        )
    begin, special, size = _vocabulary(opened)
    start = [] if begin is None else [begin]
    usual = [number for number in range(size) if number not in special and number != begin]
    places = model.architecture.stacks[0].max_positions
    most = len(usual) if places is None else min(len(usual), (places - len(start)) // 2)
    if count > most:
        what = "positions" if places is not None and most < len(usual) else "tokens"
        raise SelectionError(
            f"--repeat {count} is more than the {what} of {opened.path} allow", hint=f"{most} is the most"
        )
    drawn = sorted(usual, key=lambda number: sha256(f"{seed}\0repeat\0{number}".encode()).digest())[:count]
    return ",".join(map(str, [*start, *drawn, *drawn]))


def _vocabulary(opened: OpenedCheckpoint) -> tuple[int | None, set[int], int]:
    """The token that begins a text, the special ones, and how many there are that have a name."""
    size = opened.model.embedding_shape[0]
    try:
        tokenizer = opened.tokenizer
    except DocumentError:  # a folder without a tokenizer
        return _configured(opened.model), set(), size
    special = set(tokenizer.library.get_added_tokens_decoder())
    empty = tokenizer.encode("a")
    begin = empty.ids[0] if empty.special[:1] == (True,) else _configured(opened.model)
    named = (number for number in range(size) if tokenizer.library.id_to_token(number) is not None)
    return begin, special, max(named, default=-1) + 1


def _configured(model: Model) -> int | None:
    """What config.json calls the beginning of a text."""
    path = os.path.join(model.folder, "config.json")
    if not os.path.exists(path):
        return None
    with open(path, "rb") as file:
        values = parse_json(file.read(), path)
    begin = values.get("bos_token_id") if isinstance(values, dict) else None
    return begin if isinstance(begin, int) else None
