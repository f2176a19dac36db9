"""`attn init`: write the parameters of a run, for the user to edit and run again."""

import os
from typing import TYPE_CHECKING, Annotated

import typer

from attn_cli.cli.help.completion import complete_heads, complete_layers
from attn_cli.cli.option_groups import grouped
from attn_cli.cli.options import CheckpointOptions, SourceOptions

if TYPE_CHECKING:
    from attn_cli.sources.documents.parameters import Parameters

ACTS = ("model", "ids", "pair", "target", "target_ids", "raw_tokens", "no_special")


@grouped
def command(
    source: SourceOptions,
    checkpoint: CheckpointOptions,
    layer: Annotated[
        str | None,
        typer.Option(
            metavar="LAYER", help="With -m: one layer, such as 5, L5, E3 or X0.", autocompletion=complete_layers
        ),
    ] = None,
    head: Annotated[
        str | None,
        typer.Option(
            metavar="HEADS",
            help="With -m: heads of that layer, such as 1, 0-3 or L5.1. Default: all.",
            autocompletion=complete_heads,
        ),
    ] = None,
    output: Annotated[
        str | None, typer.Option("--output", "-o", metavar="FILE", help="Write a .json, .npz or .safetensors file.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file if it exists.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print no messages on standard error.")] = False,
) -> None:
    """Write the parameters of a run or layer to a file, for you to edit.

    attn init "The cat sat" -o weights.json
    attn explain -w weights.json
    attn init "The cat sat" --heads 2 --mask causal > weights.json
    attn init -m ./gpt2 "The cat sat" --head L5.1 -o head.json
    """
    from attn_cli.cli.results import put
    from attn_cli.errors import AttnError, UsageError
    from attn_cli.sources.documents.writing import WRITERS

    suffix = os.path.splitext(output)[1].lower() if output else ".json"
    if suffix not in WRITERS:
        raise UsageError(f"--output: {output!r} ends in none of {', '.join(WRITERS)}", hint="change the suffix")
    if output and os.path.lexists(output) and not force:
        raise AttnError(f"{output}: exists already", hint="--force overwrites it")
    put(WRITERS[suffix](_parameters(source, checkpoint, layer, head)), output, quiet=quiet)


def _parameters(
    source: SourceOptions, checkpoint: CheckpointOptions, layer: str | None, head: str | None
) -> "Parameters":
    """The parameters of a text, of a document, or of a checkpoint's layer."""
    from attn_cli.cli.checkpoints import model_request, refuse_options
    from attn_cli.cli.inputs import request_of
    from attn_cli.errors import AttnError, UsageError, refuse
    from attn_cli.sources.documents.parameters import Parameters
    from attn_cli.sources.explain import read
    from attn_cli.sources.selection import chooses_heads

    if (request := model_request(source, checkpoint)) is not None:
        from attn_cli.models.parameters import layer_parameters

        refuse_options(checkpoint, CheckpointOptions(), "a document holds the vectors of a layer's own tokens", ACTS)
        if layer is None and not chooses_heads(layer, head):
            raise UsageError("a checkpoint has many layers, and a document holds one", hint="choose one with --layer")
        return layer_parameters(request, layer, head)
    refuse("there is no checkpoint (-m)", {"--layer": layer, "--head": head})
    document = read(request_of(source))
    if not isinstance(document, Parameters):
        raise AttnError("a trace holds no parameters to write", hint="attn explain --json writes a trace")
    return document
