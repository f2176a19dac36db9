"""From the options of a checkpoint to what is run on it."""

from dataclasses import fields
from typing import TYPE_CHECKING

from attn_cli.cli.options import CheckpointOptions, SelectOptions, ShowOptions, SourceOptions, WhatIfOptions
from attn_cli.errors import UsageError
from attn_cli.sources.documents.files import read_text
from attn_cli.sources.whatif import WhatIf

if TYPE_CHECKING:
    from attn_cli.models.request import ModelRequest

UNCHANGED = WhatIfOptions()
_ACTS = ("text", "mask")
_OPTIONS = {"raw_tokens": "raw-tokens", "no_special": "no-special", "weights": "w", "matrix_stage": "as"}


def what_if_of(change: WhatIfOptions, mask: str | None = None) -> WhatIf:
    """The options of a change as a value; `mask` is one that takes the place of a checkpoint's own."""
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
    """What to run a checkpoint on, None where none is named; UsageError for an option that has nothing to act on."""
    if checkpoint.model is None:
        refuse_options(checkpoint, CheckpointOptions(), "there is no checkpoint (-m)", ("model",))
        return None
    refuse_options(source, SourceOptions(), "the numbers and the text's pieces come from the checkpoint", _ACTS)
    from attn_cli.models.request import ModelRequest

    return ModelRequest(
        model=checkpoint.model,
        text=read_text() if source.text == "-" else source.text,
        ids=checkpoint.ids,
        target=checkpoint.target,
        target_ids=checkpoint.target_ids,
        pair=checkpoint.pair,
        special=not checkpoint.no_special,
        raw=checkpoint.raw_tokens,
        words=checkpoint.words,
        next=checkpoint.next,
        what_if=what_if_of(change, source.mask),
    )


def weights_alone(checkpoint: CheckpointOptions, choice: SelectOptions, show: ShowOptions) -> bool:
    """Whether a checkpoint shows the weights of many heads: until one is chosen, and in data."""
    from attn_cli.cli.results import format_of

    if checkpoint.model is None:
        return False
    data = format_of(show.format, show.json, show.output) not in ("terminal", "markdown")
    return data or checkpoint.words or choice.layer is None or choice.head is None


def refuse_options(given: object, without: object, why: str, beside: tuple[str, ...]) -> None:
    """UsageError for the first option that is not as it is without being typed."""
    for field in fields(given):  # type: ignore[arg-type]
        if field.name not in beside and getattr(given, field.name) != getattr(without, field.name):
            option = _OPTIONS.get(field.name, field.name.replace("_", "-"))
            spelled = f"-{option}" if len(option) == 1 else f"--{option}"
            raise UsageError(f"{spelled} cannot act here: {why}", hint=f"leave {spelled} out")
