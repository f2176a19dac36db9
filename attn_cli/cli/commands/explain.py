"""`attn explain`: every stage, in words, tables and a heatmap."""

from typing import TYPE_CHECKING, Annotated

import typer

from attn_cli.cli.option_groups import grouped
from attn_cli.cli.options import (
    CheckpointOptions,
    PictureOptions,
    SelectOptions,
    ShowOptions,
    SourceOptions,
    WhatIfOptions,
)

if TYPE_CHECKING:
    from attn_cli.views.page import Page


@grouped
def command(
    source: SourceOptions,
    checkpoint: CheckpointOptions,
    change: WhatIfOptions,
    choice: SelectOptions,
    picturing: PictureOptions,
    show: ShowOptions,
    brief: Annotated[bool, typer.Option("--brief", help="Leave out the explanations.")] = False,
) -> None:
    """Show every stage of attention, with formulas, numbers and words.

    Without a document or a model the numbers are random, from --seed: they show how attention works, not what a
    trained model would do.

    attn explain "Transformers are amazing"
    attn explain "The cat sat on the mat" --mask causal --heads 2
    attn explain -w weights.json
    attn explain -m ./gpt2 "The keys are" --head L5.1
    attn explain "The cat sat" --json | jq '.layers[0].weights[0]'
    """
    from attn_cli.cli.aggregates import deliver_aggregate, pictured
    from attn_cli.cli.checkpoints import weights_alone
    from attn_cli.cli.inputs import trace_of
    from attn_cli.cli.results import Result, again, deliver, display_of

    def page() -> "Page":
        if default and choice.stage is None:
            from attn_cli.views.pages.atlas import atlas_page

            return atlas_page(trace, again=again(), drawn=drawn, full=show.full)
        from attn_cli.views.pages.explain import explain_page

        return explain_page(trace, brief=brief, again=again(), drawn=drawn)

    display = display_of(show, color_scale=picturing.color_scale, pool=picturing.pool)
    if picturing.aggregate is not None:
        deliver_aggregate(source, checkpoint, change, choice, picturing, show, display, tables=True)
        return
    default = ("weights",) if weights_alone(checkpoint, choice, show) else None
    trace = trace_of(source, checkpoint, choice, default, change)
    drawn = pictured(trace, picturing, show)
    deliver(Result(page, display, show, trace))
