"""The options that commands share, each declared once, grouped by what they are for."""

from dataclasses import dataclass
from typing import Annotated

import typer

from attn_cli.cli.number_types import MOST, any_whole, whole

Text = Annotated[
    str | None,
    typer.Argument(metavar="[TEXT]", help="The sentence; - reads it from standard input.", show_default=False),
]

COUNT = whole(1, MOST)


def _complete(values: str) -> list[str]:
    return values.split()


@dataclass(frozen=True, repr=False)
class InputOptions:
    """Where the input comes from"""

    text: Text = None
    context: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Cross-attention: TEXT asks, this text is looked at.")
    ] = None
    weights: Annotated[
        str | None,
        typer.Option(
            "--weights",
            "-w",
            "--input",
            "-i",
            metavar="FILE",
            help="A document: parameters, arrays or a trace, in JSON, NPZ, NPY, CSV or safetensors; - is stdin.",
        ),
    ] = None
    matrix_stage: Annotated[
        str | None,
        typer.Option("--as", metavar="STAGE", help="What a bare matrix is: weights (the default) or scores."),
    ] = None
    tokenizer: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="word (the default), whitespace, char or byte.",
            autocompletion=lambda: _complete("word whitespace char byte"),
        ),
    ] = None
    unknown: Annotated[
        str | None, typer.Option(metavar="random|zero", help="A vector for tokens that the document has none for.")
    ] = None
    seed: Annotated[
        int | None,
        typer.Option(metavar="N", parser=any_whole, help="What random numbers are drawn from; 0 unless set."),
    ] = None


@dataclass(frozen=True, repr=False)
class SourceOptions(InputOptions):
    """How attention is computed"""

    dim: Annotated[
        int | None, typer.Option(metavar="N", parser=COUNT, help="d_model, the width of an embedding; 4 unless set.")
    ] = None
    heads: Annotated[
        int | None, typer.Option(metavar="N", parser=COUNT, help="How many query heads; 1 unless set.")
    ] = None
    kv_heads: Annotated[
        int | None, typer.Option(metavar="N", parser=COUNT, help="How many key/value heads they share.")
    ] = None
    head_dim: Annotated[
        int | None, typer.Option(metavar="N", parser=COUNT, help="The width of a head; d_model / heads unless set.")
    ] = None
    mask: Annotated[
        str | None,
        typer.Option(
            metavar="MASK",
            help="none, causal, causal:start, sliding:W, local:W, prefix:P or chunked:S.",
            autocompletion=lambda: _complete("none causal causal:start sliding: local: prefix: chunked:"),
        ),
    ] = None
    positions: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="none, sinusoidal, rope[:BASE] or alibi.",
            autocompletion=lambda: _complete("none sinusoidal rope rope: alibi"),
        ),
    ] = None
    scale: Annotated[
        str | None, typer.Option(metavar="SCALE", help="sqrt (1/√d_k, the default), none or a number.")
    ] = None
    softcap: Annotated[str | None, typer.Option(metavar="NUMBER", help="Squeeze scores into ± NUMBER.")] = None
    dtype: Annotated[
        str | None, typer.Option(metavar="DTYPE", help="The arithmetic: float64 (the default), float32 or float16.")
    ] = None


@dataclass(frozen=True, repr=False)
class CheckpointOptions:
    """A real model instead"""

    model: Annotated[
        str | None,
        typer.Option("--model", "-m", metavar="PATH", help="A checkpoint: a folder, a GGUF file or a hub name."),
    ] = None
    ids: Annotated[str | None, typer.Option(metavar="IDS", help="Token ids instead of TEXT, such as 101,7592.")] = None
    pair: Annotated[str | None, typer.Option(metavar="TEXT", help="The second text of a sentence pair.")] = None
    target: Annotated[str | None, typer.Option(metavar="TEXT", help="What the decoder is given.")] = None
    target_ids: Annotated[str | None, typer.Option(metavar="IDS", help="Token ids instead of --target.")] = None
    words: Annotated[bool, typer.Option("--words", help="Merge pieces: keys summed, queries averaged.")] = False
    raw_tokens: Annotated[bool, typer.Option("--raw-tokens", help="Tokens in the model's own spelling.")] = False
    no_special: Annotated[bool, typer.Option("--no-special", help="No special tokens around TEXT.")] = False
    next: Annotated[int | None, typer.Option(metavar="N", parser=COUNT, help="Add the N likeliest next tokens.")] = None


@dataclass(frozen=True, repr=False)
class WhatIfOptions:
    """What if"""

    without_token: Annotated[
        list[str] | None, typer.Option(metavar="TOKEN", help="The text without this token, wherever it stands.")
    ] = None
    without_head: Annotated[
        list[str] | None, typer.Option(metavar="L.H", help="Switch a head off: 5.1 is head 1 of layer 5.")
    ] = None
    temperature: Annotated[
        str | None, typer.Option(metavar="NUMBER", help="Divide scores before softmax; below 1 sharpens.")
    ] = None
    put: Annotated[
        list[str] | None, typer.Option("--set", metavar="PLACE=NUMBER", help="Set a cell or row: weights[0][2]=0.5.")
    ] = None


@dataclass(frozen=True, repr=False)
class SelectOptions:
    """What of it to show"""

    stage: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAMES",
            help="Stages such as Q,scores,weights; parts; or all.",
            autocompletion=lambda: _complete("X Q K V scores scaled masked weights head_output output parts all"),
        ),
    ] = None
    head: Annotated[str | None, typer.Option(metavar="HEADS", help="Query heads: 0, -1, 0-3, 0,5 or all.")] = None
    layer: Annotated[str | None, typer.Option(metavar="LAYERS", help="Layers, or encoder.3, decoder.0.cross.")] = None


@dataclass(frozen=True, repr=False)
class PictureOptions:
    """What to make of many heads, and of keys that swamp the others"""

    aggregate: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="All chosen heads as one matrix: mean, max, rollout, flow, value-norm, norm, effective, contribution.",
            autocompletion=lambda: _complete("mean max rollout flow value-norm norm effective contribution"),
        ),
    ] = None
    drop: Annotated[
        list[str] | None,
        typer.Option(
            metavar="first|special|TOKEN",
            help="Leave keys out of the picture, renormalise the rest; may be repeated.",
            autocompletion=lambda: _complete("first special"),
        ),
    ] = None
    color_scale: Annotated[
        str | None,
        typer.Option(
            metavar="linear|log|row|rank",
            help="How shares become colours: by size, logarithm, share of the row's largest, or rank.",
            autocompletion=lambda: _complete("linear log row rank"),
        ),
    ] = None


@dataclass(frozen=True, repr=False)
class ShowOptions:
    """How to show it, and where"""

    format: Annotated[
        str | None,
        typer.Option(
            "--format",
            "-f",
            metavar="FORMAT",
            help="terminal, json, npz, safetensors, csv or markdown.",
            autocompletion=lambda: _complete("terminal json npz safetensors csv markdown"),
        ),
    ] = None
    json: Annotated[bool, typer.Option("--json", help="The same as -f json.")] = False
    output: Annotated[
        str | None, typer.Option("--output", "-o", metavar="FILE", help="Write a file; its suffix chooses the format.")
    ] = None
    precision: Annotated[
        int,
        typer.Option(
            metavar="N",
            parser=whole(0, 17),
            envvar="ATTN_PRECISION",
            show_envvar=False,
            show_default=False,
            help="Digits after the point, on screen only; 4 unless set.",
        ),
    ] = 4
    palette: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            envvar="ATTN_PALETTE",
            show_envvar=False,
            help="viridis, cividis, diverging or gray.",
            autocompletion=lambda: _complete("viridis cividis diverging gray"),
        ),
    ] = None
    color: Annotated[
        str,
        typer.Option(
            metavar="auto|always|never",
            envvar="ATTN_COLOR",
            show_envvar=False,
            show_default=False,
            help="Whether to colour; auto unless set.",
        ),
    ] = "auto"
    full: Annotated[bool, typer.Option("--full", help="Fold nothing.")] = False
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No notes on standard error.")] = False
