"""From the options of a checkpoint to the request that runs it."""

from dataclasses import fields
from typing import TYPE_CHECKING

from attn_cli.cli.options import CheckpointOptions, SelectOptions, ShowOptions, SourceOptions, WhatIfOptions
from attn_cli.cli.text import refuse_files, text_of
from attn_cli.errors import refuse
from attn_cli.sources.whatif import WhatIf

if TYPE_CHECKING:
    from attn_cli.models.request import ModelRequest

UNCHANGED = WhatIfOptions()
_ACTS = ("text", "as_text", "mask")
_OPTIONS = {"as_text": "--text", "weights": "-w", "matrix_stage": "--as"}


def what_if_of(change: WhatIfOptions, mask: str | None = None) -> WhatIf:
    """The changes that the options ask for; `mask` replaces a checkpoint's own masks."""
    return WhatIf(
        without_tokens=tuple(change.without_token or ()),
        without_heads=tuple(change.without_head or ()),
        puts=tuple(change.put or ()),
        temperature=change.temperature,
        mask=mask,
    )


def model_request(
    source: SourceOptions, checkpoint: CheckpointOptions, change: WhatIfOptions = UNCHANGED
) -> "ModelRequest | None":
    """The request for the checkpoint of -m, which is not opened yet; None without -m.

    UsageError for the first option that cannot act with, or without, a checkpoint.
    """
    if checkpoint.model is None:
        refuse_options(checkpoint, CheckpointOptions(), "there is no checkpoint (-m)", ("model",))
        return None
    refuse_options(source, SourceOptions(), "the numbers and the text's pieces come from the checkpoint", _ACTS)
    refuse_files(source, checkpoint)
    text = text_of(source)
    from attn_cli.cli.progress import progress
    from attn_cli.models.request import ModelRequest

    return ModelRequest(
        model=checkpoint.model,
        text=text,
        ids=checkpoint.ids,
        target=checkpoint.target,
        target_ids=checkpoint.target_ids,
        pair=checkpoint.pair,
        special=not checkpoint.no_special,
        raw=checkpoint.raw_tokens,
        words=checkpoint.words,
        next=checkpoint.next,
        what_if=what_if_of(change, source.mask),
        ignored_keys=tuple(checkpoint.ignore_key or ()),
        progress=progress,
    )


def weights_alone(checkpoint: CheckpointOptions, choice: SelectOptions, show: ShowOptions) -> bool:
    """Whether a checkpoint's result is the weights of many heads: in data, and until one head is chosen."""
    from attn_cli.cli.results import format_of

    if checkpoint.model is None:
        return False
    data = format_of(show.format, show.json, show.output) not in ("terminal", "markdown")
    return data or checkpoint.words or not choice.names_heads


def refuse_options(given: object, without: object, why: str, allowed: tuple[str, ...]) -> None:
    """Raise UsageError for the first option that differs from its default and is not allowed."""
    for name in (field.name for field in fields(given) if field.name not in allowed):  # type: ignore[arg-type]
        option = _OPTIONS.get(name, "--" + name.replace("_", "-"))
        refuse(why, {option: getattr(given, name) != getattr(without, name)})
