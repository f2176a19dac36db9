"""`attn heatmap`: one picture of one stage."""

from typing import TYPE_CHECKING, Annotated

import typer

from attn_cli.cli.groups import grouped
from attn_cli.cli.options import Checkpoint, Choice, Show, Source

if TYPE_CHECKING:
    from attn_cli.views.page import Page


@grouped
def command(
    source: Source,
    checkpoint: Checkpoint,
    choice: Choice,
    show: Show,
    numbers: Annotated[bool, typer.Option("--numbers", help="Print the value in each cell.")] = False,
) -> None:
    """Draw one stage as a heatmap, the weights unless --stage says else.

    attn heatmap "Transformers are amazing"
    attn heatmap "The cat sat on the mat" --mask causal --heads 2
    attn heatmap "The cat sat" --stage scores --numbers
    attn heatmap -w trace.npz --head 0-3
    attn heatmap -m ./gpt2 "The keys are" --layer 5
    """
    from attn_cli.cli.inputs import trace_of
    from attn_cli.cli.results import Result, again, deliver, look_of

    def page() -> "Page":
        from attn_cli.views.atlas import atlas_page
        from attn_cli.views.explain import heatmap_page

        if checkpoint.model is not None and choice.stage is None and len(trace.layers) > 1:
            return atlas_page(trace, again=again())
        return heatmap_page(trace, again=again())

    look = look_of(show, numbers=numbers)
    trace = trace_of(source, checkpoint, choice, default=("weights",))
    deliver(Result(page, look, show, trace))
