"""The options that commands share, each declared once, in groups that the help prints under their docstrings.

`{masks}` in a help text stands for the values of that table (`cli/choices.py`).
"""

from dataclasses import dataclass
from typing import Annotated

import typer

from attn_cli.cli.help.choices import completing
from attn_cli.cli.help.completion import complete_addresses, complete_heads, complete_layers
from attn_cli.cli.number_types import MOST, any_whole, whole

COMMON = ("weights", "model", "heads", "mask", "layer", "head", "stage", "format", "output")
"""The options that the help of a command prints first, in this order."""

COUNT = whole(1, MOST)

Text = Annotated[
    str | None, typer.Argument(metavar="[TEXT]", help="The text; - reads it from standard input.", show_default=False)
]
MatrixStage = Annotated[
    str | None,
    typer.Option(
        "--as",
        metavar="STAGE",
        help="What a bare matrix holds: {matrix_stages}. Default: weights.",
        autocompletion=completing("matrix_stages"),
    ),
]
MaxBytes = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        parser=whole(1, 2**62),
        help="The most bytes to read from FILE and to unpack from an NPZ. Default: 1 GB from a pipe or unpacked.",
    ),
]
NoPager = Annotated[
    bool, typer.Option("--no-pager", help="Print all at once, not through $ATTN_PAGER, $PAGER or less.")
]
Color = Annotated[
    str,
    typer.Option(
        metavar="WHEN",
        envvar="ATTN_COLOR",
        show_envvar=False,
        show_default=False,
        help="When to use color: {colors}. Default: auto.",
        autocompletion=completing("colors"),
    ),
]


@dataclass(frozen=True, repr=False)
class InputOptions:
    """Input"""

    text: Text = None
    as_text: Annotated[
        bool, typer.Option("--text", help="TEXT, or standard input, is a text, even if it names a file or holds JSON.")
    ] = False
    weights: Annotated[
        str | None,
        typer.Option(
            "--weights",
            "-w",
            "--input",
            "-i",
            metavar="FILE",
            help="A document: parameters, arrays or a trace, as JSON, NPZ, NPY, CSV or safetensors; - reads JSON from "
            "standard input.",
        ),
    ] = None
    context: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help="Cross-attention: TEXT gives the queries, this text the keys and values."),
    ] = None
    matrix_stage: MatrixStage = None
    tokenizer: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="How TEXT is cut into tokens: {tokenizers}. Default: word.",
            autocompletion=completing("tokenizers"),
        ),
    ] = None
    unknown: Annotated[
        str | None,
        typer.Option(
            metavar="HOW",
            help="How to embed tokens missing from the document: {unknown}.",
            autocompletion=completing("unknown"),
        ),
    ] = None
    seed: Annotated[
        int | None, typer.Option(metavar="N", parser=any_whole, help="Seed of the random numbers. Default: 0.")
    ] = None
    random: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="How finely random numbers are drawn: {random}. Default: coarse, with one decimal.",
            autocompletion=completing("random"),
        ),
    ] = None
    max_bytes: MaxBytes = None


@dataclass(frozen=True, repr=False)
class SourceOptions(InputOptions):
    """Attention"""

    heads: Annotated[int | None, typer.Option(metavar="N", parser=COUNT, help="Number of query heads. Default: 1.")] = (
        None
    )
    kv_heads: Annotated[
        int | None,
        typer.Option(metavar="N", parser=COUNT, help="Number of key/value heads, shared by groups of query heads."),
    ] = None
    dim: Annotated[
        int | None, typer.Option(metavar="N", parser=COUNT, help="d_model, the width of an embedding. Default: 4.")
    ] = None
    head_dim: Annotated[
        int | None, typer.Option(metavar="N", parser=COUNT, help="The width of a head. Default: d_model / heads.")
    ] = None
    mask: Annotated[
        str | None,
        typer.Option(metavar="MASK", help="Which keys a query sees: {masks}.", autocompletion=completing("masks")),
    ] = None
    positions: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="How positions are encoded: {positions}.", autocompletion=completing("positions")
        ),
    ] = None
    scale: Annotated[
        str | None,
        typer.Option(
            metavar="SCALE",
            help="What scores are multiplied by: a number, {scales}. Default: sqrt, that is 1/√d_k.",
            autocompletion=completing("scales"),
        ),
    ] = None
    softcap: Annotated[str | None, typer.Option(metavar="NUMBER", help="Squash scores into ± NUMBER, with tanh.")] = (
        None
    )
    dtype: Annotated[
        str | None,
        typer.Option(
            metavar="DTYPE",
            help="The precision of the arithmetic: {dtypes}. Default: float64.",
            autocompletion=completing("dtypes"),
        ),
    ] = None


@dataclass(frozen=True, repr=False)
class CheckpointOptions:
    """Checkpoints"""

    model: Annotated[
        str | None,
        typer.Option("--model", "-m", metavar="PATH", help="A checkpoint: a folder, a GGUF file or a name on the hub."),
    ] = None
    ids: Annotated[str | None, typer.Option(metavar="IDS", help="Token ids instead of TEXT, such as 101,7592.")] = None
    pair: Annotated[str | None, typer.Option(metavar="TEXT", help="The second text of a sentence pair.")] = None
    target: Annotated[
        str | None, typer.Option(metavar="TEXT", help="The decoder's text, for an encoder-decoder model.")
    ] = None
    target_ids: Annotated[str | None, typer.Option(metavar="IDS", help="Token ids instead of --target.")] = None
    ignore_key: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Ignore this key of config.json, which attn does not know. Repeatable."),
    ] = None
    words: Annotated[
        bool, typer.Option("--words", help="Merge sub-word tokens into words: keys summed, queries averaged.")
    ] = False
    raw_tokens: Annotated[
        bool, typer.Option("--raw-tokens", help="Show tokens as the model's vocabulary spells them.")
    ] = False
    no_special: Annotated[bool, typer.Option("--no-special", help="Add no special tokens to TEXT.")] = False
    next: Annotated[int | None, typer.Option(metavar="N", parser=COUNT, help="Add the N most likely next tokens.")] = (
        None
    )


@dataclass(frozen=True, repr=False)
class WhatIfOptions:
    """What if"""

    without_token: Annotated[
        list[str] | None, typer.Option(metavar="TOKEN", help="Leave out this token, wherever it occurs in the text.")
    ] = None
    without_head: Annotated[
        list[str] | None,
        typer.Option(
            metavar="HEAD", help="Zero-ablate a head: L5.1 is head 1 of layer 5.", autocompletion=complete_addresses
        ),
    ] = None
    temperature: Annotated[
        str | None, typer.Option(metavar="NUMBER", help="Divide scores by this before softmax; below 1 sharpens.")
    ] = None
    put: Annotated[
        list[str] | None, typer.Option("--set", metavar="CELL=NUMBER", help="Set a cell or row: weights[0][2]=0.5.")
    ] = None


@dataclass(frozen=True, repr=False)
class SelectOptions:
    """Selection"""

    layer: Annotated[
        str | None,
        typer.Option(
            metavar="LAYERS",
            help="Layers: 0, -1, 0-3, 0,5, all, or L3; E3, D3, X3 for encoder, decoder and cross-attention.",
            autocompletion=complete_layers,
        ),
    ] = None
    head: Annotated[
        str | None,
        typer.Option(
            metavar="HEADS",
            help="Query heads: 0, -1, 0-3, 0,5, all, or L3.5 for head 5 of layer 3.",
            autocompletion=complete_heads,
        ),
    ] = None
    stage: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAMES", help="Stages, separated by commas: {stages}.", autocompletion=completing("stages")
        ),
    ] = None

    @property
    def names_heads(self) -> bool:
        """Whether layers and heads are both chosen, be it with an address."""
        from attn_cli.sources.selection import chooses_heads

        return chooses_heads(self.layer, self.head)


@dataclass(frozen=True, repr=False)
class HeadOptions(SelectOptions):
    """Selection"""

    # Hidden, and refused in words: the command needs the stages that it needs.
    stage: Annotated[list[str] | None, typer.Option(metavar="NAMES", hidden=True)] = None


@dataclass(frozen=True, repr=False)
class PictureOptions:
    """Heatmaps"""

    aggregate: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Combine the chosen heads into one matrix: {aggregations}.",
            autocompletion=completing("aggregations"),
        ),
    ] = None
    drop: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY",
            help="Leave keys out and rescale the rest of each row: a token, {dropped}. May be repeated.",
            autocompletion=completing("dropped"),
        ),
    ] = None
    color_scale: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="How weights become colors: {color_scales}. Default: linear.",
            autocompletion=completing("color_scales"),
        ),
    ] = None
    pool: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            show_default=False,
            help="The number that a cell shows for many tokens: {pools}. Default: max.",
            autocompletion=completing("pools"),
        ),
    ] = "max"


@dataclass(frozen=True, repr=False)
class ShowOptions:
    """Output"""

    format: Annotated[
        str | None,
        typer.Option(
            "--format",
            "-f",
            metavar="FORMAT",
            help="The format of the result: {formats}.",
            autocompletion=completing("formats"),
        ),
    ] = None
    json: Annotated[bool, typer.Option("--json", help="The same as -f json.")] = False
    output: Annotated[
        str | None, typer.Option("--output", "-o", metavar="FILE", help="Write a file; its suffix chooses the format.")
    ] = None
    precision: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            parser=whole(0, 17),
            envvar="ATTN_PRECISION",
            show_envvar=False,
            show_default=False,
            help="Digits after the point, on screen only. Default: 4, or as many as fit.",
        ),
    ] = None
    palette: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            envvar="ATTN_PALETTE",
            show_envvar=False,
            help="The colors of heatmaps: {palettes}.",
            autocompletion=completing("palettes"),
        ),
    ] = None
    color: Color = "auto"
    background: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            envvar="ATTN_BACKGROUND",
            show_envvar=False,
            show_default=False,
            help="The background that colors are for: {backgrounds}. Default: auto.",
            autocompletion=completing("backgrounds"),
        ),
    ] = "auto"
    full: Annotated[bool, typer.Option("--full", help="Show everything, however large.")] = False
    title: Annotated[str | None, typer.Option(metavar="TEXT", help="A title above the result.")] = None
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Print the result alone: no notes, explanations or messages.")
    ] = False
    no_pager: NoPager = False
