"""A request to run a checkpoint, and its token ids."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field

from attn_cli.errors import DocumentError, UsageError, refuse
from attn_cli.models.model import Model
from attn_cli.models.opened import OpenedCheckpoint
from attn_cli.models.tokenizers.tokenizer import Encoded
from attn_cli.models.whatif import changed, left
from attn_cli.sources.whatif import WhatIf

NOTHING = Encoded((), (), (), (), (), ())
_UNOPENED = OpenedCheckpoint("")

Progress = Callable[[str, int, int], None]
"""What is told how far a run is: what is being done, how much of it is done, how much there is (0: unknown)."""


def untold(what: str, done: int, total: int) -> None:
    """Tell nobody."""


@dataclass(frozen=True)
class ModelRequest:
    """A checkpoint (`model` is a folder, a file or a name) and its input: a text, or token ids as 5,17,3.

    `pair` is the second text of an encoder, `target` the text of a decoder. `special` adds the tokenizer's special
    tokens. `raw` labels tokens in the model's spelling, `words` merges them into words. `next` is the number of tokens
    to predict. `what_if` changes the run. `ignored_keys` are unknown keys of the config to accept.

    `opened` is the checkpoint; requests derived with `replace` share it, so that it is opened once. `progress`
    is told how far a run is.
    """

    model: str
    text: str | None = None
    ids: str | None = None
    target: str | None = None
    target_ids: str | None = None
    pair: str | None = None
    special: bool = True
    raw: bool = False
    words: bool = False
    next: int | None = None
    what_if: WhatIf = field(default=WhatIf())
    ignored_keys: tuple[str, ...] = ()
    opened: OpenedCheckpoint = field(default=_UNOPENED, repr=False, compare=False)
    progress: Progress = field(default=untold, repr=False, compare=False)

    def __post_init__(self) -> None:
        if (self.opened.path, self.opened.ignored_keys) != (self.model, self.ignored_keys):
            object.__setattr__(self, "opened", OpenedCheckpoint(self.model, self.ignored_keys))


def open_request(request: ModelRequest) -> tuple[Model, Encoded, Encoded]:
    """The changed model, the text without removed tokens, and the decoder's text."""
    if os.path.exists(request.model):  # a download shows its own progress
        request.progress("loading", 0, 0)
    request.opened.model.tensors.forget()
    text, target = _encoded(request)
    return changed(request.opened.model, request.what_if), left(text, request.what_if), target


def _encoded(request: ModelRequest) -> tuple[Encoded, Encoded]:
    """The tokens of the text, and those of the decoder's text."""
    opened = request.opened
    decodes = len(opened.model.architecture.stacks) > 1
    if not decodes:
        why = f"{request.model} has no decoder of its own"
        refuse(why, {"--target": request.target, "--target-ids": request.target_ids})
    if request.ids is not None:
        if request.text is not None:
            raise UsageError("TEXT and --ids are both given", hint="give one of them")
        refuse("--ids are the tokens as they are", {"--pair": request.pair, "--no-special": not request.special})
        text = opened.encode_ids(request.ids, "--ids")
    elif request.text is None:
        raise DocumentError("there is no text", hint=f'attn explain -m {request.model} "some words", or --ids 5,17,3')
    elif not request.text.strip():
        raise DocumentError("the text is only blanks" if request.text else "the text is empty", hint="give some words")
    else:
        text = opened.tokenizer.encode(request.text, request.pair, special=request.special)
    if not text.ids:
        raise DocumentError("the text has no tokens", hint="give some words, or leave --no-special out")
    return text, _target(request) if decodes else NOTHING


def _target(request: ModelRequest) -> Encoded:
    """The decoder's text: the start token and --target, or else --target-ids."""
    opened = request.opened
    if request.target_ids is not None:
        return opened.encode_ids(request.target_ids, "--target-ids")
    if opened.model.start is None:
        where = opened.model.folder
        raise DocumentError(f"{where}: config.json names no decoder_start_token_id", hint="give --target-ids")
    first = opened.encode_ids(str(opened.model.start), "decoder_start_token_id")
    rest = NOTHING
    if request.target is not None:
        rest = opened.target_tokenizer.encode(request.target, special=False)
    return Encoded(*(begin + end for begin, end in zip(vars(first).values(), vars(rest).values(), strict=True)))
