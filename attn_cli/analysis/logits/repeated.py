"""A random sequence of tokens, repeated: the standard test for induction heads and duplicate-token heads."""

import os
from hashlib import sha256

from attn_cli.errors import DocumentError, SelectionError
from attn_cli.models.model import Model
from attn_cli.models.opened import OpenedCheckpoint
from attn_cli.trace.files.parsing import parse_json


def repeated_ids(opened: OpenedCheckpoint, count: int, seed: int) -> str:
    """Token ids [BOS, r, r], r being `count` different tokens drawn from the seed, as `--ids` spells them.

    r holds no special tokens; a model without a BOS token gets [r, r]. The same seed draws the same tokens on every
    machine. SelectionError if the model has too few tokens or positions.
    """
    model = opened.model
    if len(model.architecture.stacks) > 1:
        raise SelectionError(
            f"{opened.path} is an encoder-decoder, and --repeat does not run those",
            hint="give TEXT and --target instead",
        )
    begin, special, size = _vocabulary(opened)
    start = [] if begin is None else [begin]
    usual = [number for number in range(size) if number not in special and number != begin]
    positions = model.architecture.stacks[0].max_positions
    most = len(usual) if positions is None else min(len(usual), (positions - len(start)) // 2)
    if count > most:
        what = "positions" if positions is not None and most < len(usual) else "tokens"
        raise SelectionError(f"--repeat {count} is more than the {what} of {opened.path} allow", hint=f"at most {most}")
    drawn = sorted(usual, key=lambda number: sha256(f"{seed}\0repeat\0{number}".encode()).digest())[:count]
    return ",".join(map(str, [*start, *drawn, *drawn]))


def _vocabulary(opened: OpenedCheckpoint) -> tuple[int | None, set[int], int]:
    """The id of the token that begins a text, the ids of special tokens, and the number of ids that have a token."""
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
    """The bos_token_id of config.json, None if it has none."""
    path = os.path.join(model.folder, "config.json")
    if not os.path.exists(path):
        return None
    with open(path, "rb") as file:
        values = parse_json(file.read(), path)
    begin = values.get("bos_token_id") if isinstance(values, dict) else None
    return begin if isinstance(begin, int) else None
