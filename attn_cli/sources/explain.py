"""explain(): from a sentence, or a document, to a Trace."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any

import numpy as np

from attn_cli.core.attention import attend
from attn_cli.core.spec import Spec, parse_dtype, parse_mask, parse_positions, parse_scale
from attn_cli.errors import AttnError, DocumentError, SelectionError, UsageError
from attn_cli.sources import documents
from attn_cli.sources.files import read_bytes
from attn_cli.sources.parameters import Parameters, draw
from attn_cli.sources.restart import restart
from attn_cli.sources.selecting import indices
from attn_cli.sources.seeded import embeddings
from attn_cli.sources.tokenizers import tokenize
from attn_cli.trace.stages import STAGES
from attn_cli.trace.trace import Array, Layer, Trace

RANDOM_NOTE = "random weights: the pattern shows how attention works, not what a trained model does"


@dataclass(frozen=True)
class Request:
    """What to run attention on, and how; None where the document or the default decides.

    `weights` is a path of a document, `-` for standard input; `unknown` is `random` or `zero`.
    """

    text: str | None = None
    weights: str | None = None
    tokenizer: str | None = None
    seed: int | None = None
    heads: int | None = None
    kv_heads: int | None = None
    dim: int | None = None
    head_dim: int | None = None
    mask: str | None = None
    positions: str | None = None
    scale: str | None = None
    dtype: str | None = None
    unknown: str | None = None

    def overrides(self) -> dict[str, Any]:
        """The settings that are asked for, parsed; UsageError where one is misspelled."""
        parsers = {"mask": parse_mask, "positions": parse_positions, "scale": parse_scale, "dtype": parse_dtype}
        found: dict[str, Any] = {}
        for name, parse in parsers.items():
            if (value := getattr(self, name)) is not None:
                try:
                    found[name] = parse(value)
                except AttnError as error:
                    raise UsageError(f"--{name}: {error.message}", hint=error.hint) from error
        counts = {"heads": self.heads, "kv_heads": self.kv_heads}
        return found | {name: count for name, count in counts.items() if count is not None}

    def refuse(self, why: str, **options: object) -> None:
        """UsageError for the first option that is given although it cannot act."""
        for name, value in options.items():
            if value is not None:
                option = "--" + name.replace("_", "-")
                raise UsageError(f"{option} cannot act here: {why}", hint=f"leave {option} out")


def explain(
    text: str | None = None,
    *,
    weights: str | None = None,
    seed: int | None = None,
    heads: int | None = None,
    kv_heads: int | None = None,
    dim: int | None = None,
    head_dim: int | None = None,
    mask: str | None = None,
    scale: str | None = None,
    dtype: str | None = None,
    tokenizer: str | None = None,
) -> Trace:
    """Run self-attention on a text, with random numbers from `seed` or the document at the path `weights`.

    Settings are spelled as on the command line (`mask="causal"`). Raises AttnError with a hint on bad input.
    """
    request = Request(
        text=text,
        weights=weights,
        seed=seed,
        heads=heads,
        kv_heads=kv_heads,
        dim=dim,
        head_dim=head_dim,
        mask=mask,
        scale=scale,
        dtype=dtype,
        tokenizer=tokenizer,
    )
    return run(request)


def run(request: Request, *, heads: str | None = None, stages: Collection[str] | None = None) -> Trace:
    """The trace that a request asks for, with only some heads (`0`, `-1`, `0-2`) and stages where given."""
    check_stages(stages)
    found = read(request)
    if isinstance(found, Trace):
        trace = found
        there = {stage.name for layer in trace.layers for stage in layer.stages}
        if stages is not None and (missing := [name for name in stages if name not in there]):
            raise SelectionError(
                f"this trace has no stage {missing[0]!r}", hint=f"it has {', '.join(s for s in STAGES if s in there)}"
            )
    else:
        trace = _attended(request, found, stages)
    return replace(
        trace, layers=tuple(layer.select(indices(heads, layer.heads, "head"), stages) for layer in trace.layers)
    )


def read(request: Request) -> Trace | Parameters:
    """What the request names: a trace, as it is or restarted, or parameters ready for attend()."""
    overrides = request.overrides()
    if request.weights is None:
        request.refuse("there is no document", unknown=request.unknown)
        if request.text is None:
            raise DocumentError("there is no text", hint='attn explain "Transformers are amazing", or - to read a pipe')
        tokens = tokenize(request.text, request.tokenizer or "word")
        spec = Spec(**overrides)
        dim = 4 if request.dim is None else request.dim
        return draw(tokens, spec, request.seed or 0, dim, request.head_dim)
    request.refuse("the numbers come from a document", dim=request.dim, head_dim=request.head_dim)
    if request.unknown != "random":
        request.refuse("nothing random is drawn", seed=request.seed)
    if request.text is None:
        request.refuse("there is no TEXT to cut", tokenizer=request.tokenizer)
    name = "standard input" if request.weights == "-" else request.weights
    document = documents.read_document(read_bytes(request.weights), name)
    if isinstance(document, Trace):
        request.refuse("a trace holds no table of tokens", unknown=request.unknown)
        request.refuse("a trace is already cut into heads", heads=request.heads, kv_heads=request.kv_heads)
        trace = restart(document, overrides)
        return trace if request.text is None else _relabelled(trace, request)
    return _parameters(request, document, name, overrides)


def _parameters(request: Request, document: documents.Document, name: str, overrides: dict[str, Any]) -> Parameters:
    documents.check_keys(document, name)
    spec = documents.read_spec(document, name, overrides)
    projections = documents.read_projections(document, name, spec)
    own = documents.read_tokens(document, name)
    asked = None if request.text is None else tokenize(request.text, request.tokenizer or "word")
    tokens = asked or own
    if "X" in document:
        request.refuse("the document has X, not a table of tokens", unknown=request.unknown)
        x = documents.to_array(document["X"], f"{name}: X", (2,))
        tokens = tokens or tuple(map(str, range(len(x))))
        if len(tokens) != len(x):
            raise DocumentError(
                f"{name}: X has {len(x)} rows for {len(tokens)} tokens", hint="X needs one row for each token"
            )
        return Parameters(tokens, x, None, projections, spec)
    table = documents.read_embeddings(document, name)
    if tokens is None:
        raise DocumentError(f"{name}: has no tokens, and there is no TEXT", hint=f'attn explain -w {name} "some words"')
    return Parameters(tokens, _vectors(request, table, tokens, name), table, projections, spec)


def _vectors(request: Request, table: dict[str, Array], tokens: Sequence[str], name: str) -> Array:
    found, missing = documents.look_up(table, tokens)
    width = len(next(iter(table.values())))
    if missing and request.unknown is None:
        named = ", ".join(map(repr, missing))
        raise DocumentError(
            f"{name}: no vector for {named}", hint="add to embeddings, or choose --unknown random or --unknown zero"
        )
    drawn = np.zeros((len(tokens), width))
    if request.unknown == "random":
        drawn = embeddings(request.seed or 0, tokens, width)
    return np.stack([own if vector is None else vector for vector, own in zip(found, drawn, strict=True)])


def _attended(request: Request, parameters: Parameters, stages: Collection[str] | None) -> Trace:
    layer = attend(parameters.tokens, {"X": parameters.x}, parameters.projections, parameters.spec, keep=stages)
    if stages is not None and (missing := [name for name in stages if name not in layer]):
        raise SelectionError(
            f"this attention takes no step {missing[0]!r}", hint="attn explain without --stage shows the steps it takes"
        )
    random = request.weights is None
    source = {"kind": "random", "seed": request.seed or 0} if random else {"kind": "document", "path": request.weights}
    notes = [RANDOM_NOTE] if random else []
    return Trace(
        tokens=parameters.tokens,
        layers=(layer,),
        source=source,
        text=request.text,
        notes=(*notes, *remarks(layer)),
    )


def remarks(layer: Layer) -> list[str]:
    """What a reader of this layer should know: stages with NaN or infinities, queries that see nothing."""
    found = []
    for stage in layer.stages:
        odd = ~np.isfinite(stage.array)
        if stage.name == "masked":
            odd &= ~np.isneginf(stage.array)
        if odd.any():
            found.append(f"{stage.name} holds NaN or infinities: numbers too large for {layer.settings.dtype}")
    if "weights" in layer and (blind := np.flatnonzero(~layer["weights"].any(axis=(0, 2)))).size:
        found.append(f"{blind.size} queries see no key and weigh nothing, the first is query {blind[0]}")
    return found


def check_stages(stages: Collection[str] | None) -> None:
    """SelectionError for a name that no stage has."""
    for name in stages or ():
        if name not in STAGES:
            near = get_close_matches(name, STAGES, n=1, cutoff=0.5)
            hint = f"did you mean {near[0]}? " if near else ""
            raise SelectionError(f"there is no stage {name!r}", hint=f"{hint}stages are {', '.join(STAGES)}")


def _relabelled(trace: Trace, request: Request) -> Trace:
    """The trace with the text's tokens for labels; they must be as many."""
    tokens = tokenize(request.text or "", request.tokenizer or "word")
    if len(tokens) != len(trace.tokens):
        raise DocumentError(
            f"the text has {len(tokens)} tokens, the trace has {len(trace.tokens)}",
            hint="with a trace TEXT only labels: leave it out, or give as many tokens",
        )

    def labelled(layer: Layer) -> Layer:
        queries, keys = len(layer.query_tokens), len(layer.key_tokens)
        return replace(layer, query_tokens=tokens[len(tokens) - queries :], key_tokens=tokens[:keys])

    return replace(trace, text=request.text, tokens=tokens, layers=tuple(map(labelled, trace.layers)))
