"""What to run a checkpoint on: a request, and the token ids that it comes to."""

from dataclasses import dataclass, field

from attn_cli.errors import DocumentError, UsageError
from attn_cli.models.hub import resolved
from attn_cli.models.model import Model, open_model
from attn_cli.models.tokenizers.legacy import target_tokenizer
from attn_cli.models.tokenizers.tokenizer import Encoded, Tokenizer, open_tokenizer
from attn_cli.models.whatif import changed, left
from attn_cli.sources.whatif import WhatIf


@dataclass(frozen=True)
class ModelRequest:
    """A checkpoint and what to run it on: `model` is a folder, a file or a name; the text, or token ids as 5,17,3.

    `pair` is the second text of an encoder, `target` what a decoder is given. `special` tokens are added as the
    tokenizer adds them; `raw` shows tokens in the model's own spelling, `words` merges them; `next` counts the
    tokens to predict; `what_if` is what is changed of the run.
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


def open_request(request: ModelRequest) -> tuple[Model, Encoded, Encoded]:
    """The model with its changes, what it reads without what is left out, and what its decoder is given."""
    model = open_model(resolved(request.model))
    text, target = _encoded(request, model)
    return changed(model, request.what_if), left(text, request.what_if), target


def _encoded(request: ModelRequest, model: Model) -> tuple[Encoded, Encoded]:
    """What the model reads, and what its decoder is given."""
    decodes = len(model.architecture.stacks) > 1
    if not decodes and (request.target is not None or request.target_ids is not None):
        raise UsageError(f"--target cannot act here: {request.model} has no decoder of its own", hint="leave it out")
    tokenizer = None
    if request.text is not None or request.target is not None or request.next is not None:
        tokenizer = open_tokenizer(model.folder)
    if request.ids is not None:
        if request.text is not None:
            raise UsageError("TEXT and --ids are both given", hint="give one of them")
        if request.pair is not None or not request.special:
            option = "--no-special" if request.pair is None else "--pair"
            raise UsageError(f"{option} cannot act here: --ids are the tokens as they are", hint=f"leave {option} out")
        text = _named(model, request.ids, "--ids")
    elif request.text is None or tokenizer is None:
        raise DocumentError("there is no text", hint=f'attn explain -m {request.model} "some words", or --ids 5,17,3')
    elif not request.text.strip():
        raise DocumentError("the text is only blanks" if request.text else "the text is empty", hint="give some words")
    else:
        text = tokenizer.encode(request.text, request.pair, special=request.special)
    if not text.ids:
        raise DocumentError("the text has no tokens", hint="give some words, or leave --no-special out")
    empty = Encoded((), (), (), (), (), ())
    if not decodes:
        return text, empty
    if request.target_ids is not None:
        return text, _named(model, request.target_ids, "--target-ids")
    start = model.start
    if start is None:
        raise DocumentError(f"{model.folder}: config.json names no decoder_start_token_id", hint="give --target-ids")
    own = empty if request.target is None or tokenizer is None else _aimed(model, tokenizer, request.target)
    first = _named(model, str(start), "decoder_start_token_id")
    joined = (one + other for one, other in zip(vars(first).values(), vars(own).values(), strict=True))
    return text, Encoded(*joined)


def _aimed(model: Model, tokenizer: Tokenizer, target: str) -> Encoded:
    return target_tokenizer(model.folder, tokenizer).encode(target, special=False)


def _named(model: Model, spelled: str, option: str) -> Encoded:
    """Token ids as a user types them, with their tokens where the folder has a tokenizer."""
    try:
        ids = [int(part) for part in spelled.split(",")]
    except ValueError as error:
        raise UsageError(f"{option}: {spelled!r} is no list of whole numbers", hint="such as 101,7592,102") from error
    try:
        return open_tokenizer(model.folder).named(ids)
    except DocumentError:  # a folder without a tokenizer can still be run on ids
        tokens = tuple(f"#{number}" for number in ids)
        return Encoded(tuple(ids), tokens, tokens, (False,) * len(ids), tuple(range(len(ids))), (0,) * len(ids))
