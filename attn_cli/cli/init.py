"""`attn init`: write the parameters of a run, to edit and to feed back."""

import os
from typing import Annotated

import typer

from attn_cli.cli.groups import grouped
from attn_cli.cli.options import Source


@grouped
def command(
    source: Source,
    output: Annotated[
        str | None, typer.Option("--output", "-o", metavar="FILE", help="A .json, .npz or .safetensors file.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file if it is there.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No notes on standard error.")] = False,
) -> None:
    """Write the parameters of a run as a document, to edit and feed back.

    attn init "The cat sat" -o weights.json
    attn explain -w weights.json
    attn init "The cat sat" --heads 2 --mask causal > weights.json
    """
    from attn_cli.cli.inputs import request_of
    from attn_cli.cli.results import put
    from attn_cli.errors import AttnError, UsageError
    from attn_cli.sources.explain import read
    from attn_cli.sources.parameters import Parameters
    from attn_cli.sources.writing import WRITERS

    suffix = os.path.splitext(output)[1].lower() if output else ".json"
    if suffix not in WRITERS:
        raise UsageError(f"--output: {output!r} ends in none of {', '.join(WRITERS)}", hint="change the suffix")
    if output and os.path.lexists(output) and not force:
        raise AttnError(f"{output}: is there already", hint="--force overwrites it")
    found = read(request_of(source))
    if not isinstance(found, Parameters):
        raise AttnError("a trace holds no parameters to write", hint="attn explain --json writes a trace")
    put(WRITERS[suffix](found), output, quiet=quiet)
