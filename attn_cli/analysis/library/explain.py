"""explain() and run_model(): a Trace of a text, a document or a checkpoint."""

from collections.abc import Iterable, Mapping, Sequence
from os import PathLike, fspath
from typing import Any

from attn_cli.analysis.following.notes import follow_noted
from attn_cli.analysis.library.selection import refuse_options, selection, spelled, stage_names
from attn_cli.models.explain import run_model as run_request
from attn_cli.models.request import ModelRequest
from attn_cli.sources.explain import run
from attn_cli.sources.request import Request
from attn_cli.sources.selection import chooses_heads
from attn_cli.sources.whatif import WhatIf
from attn_cli.trace.trace import Trace

Path = str | PathLike[str]
Choice = int | str | Iterable[int]


def explain(
    text: str | None = None,
    *,
    context: str | None = None,
    weights: Path | Mapping[str, Any] | None = None,
    model: Path | None = None,
    ids: str | Sequence[int] | None = None,
    seed: int | None = None,
    random: str | None = None,
    heads: int | None = None,
    kv_heads: int | None = None,
    dim: int | None = None,
    head_dim: int | None = None,
    mask: str | None = None,
    positions: str | None = None,
    scale: str | float | None = None,
    softcap: str | float | None = None,
    dtype: str | None = None,
    tokenizer: str | None = None,
    unknown: str | None = None,
    matrix_stage: str | None = None,
    max_bytes: int | None = None,
    without_token: Sequence[str] = (),
    without_head: Sequence[str] = (),
    put: Sequence[str] = (),
    temperature: str | float | None = None,
    layer: int | str | None = None,
    head: Choice | None = None,
    stage: str | Iterable[str] | None = None,
) -> Trace:
    """A Trace of every stage of attention on a text, as `attn explain` computes it.

    The numbers come from one of three sources:

    - random embeddings and projections, drawn from `seed` (0 unless set) with one decimal, or four
      with `random` "fine": `heads` and `kv_heads` count heads, `dim` is
      d_model (4 unless set), `head_dim` the width of a head (dim / heads unless set);
    - `weights`, a document: its path, or its keys and values as a mapping of names to arrays, lists and settings.
      `unknown` ("random" or "zero") fills in vectors for tokens that the document lacks; `matrix_stage` ("weights" or
      "scores") says what a bare matrix holds; `max_bytes` limits what is read from it and unpacked;
    - `model`, a checkpoint: a folder, a GGUF file or a name. `ids` are token ids in place of the text. See `run_model`.

    `context` makes it cross-attention: `text` gives the queries, `context` the keys and values. `tokenizer` is "word",
    "whitespace", "char" or "byte". `mask`, `positions`, `scale`, `softcap` and `dtype` are spelled as on the command
    line ("causal", "sliding:4", "rope:10000", "sqrt", 0.125, 50, "float32") and override those of a document.

    What-if changes: `without_token` leaves tokens out, `without_head` ablates heads ("0.1" is layer 0, head 1), `put`
    sets cells ("weights[0][2][1]=0"), `temperature` divides the scores.

    `layer`, `head` and `stage` choose what the trace keeps (0, "0-3", [0, 5]; "weights" or ["Q", "K"], "all",
    "parts"). By default it keeps every stage; of a checkpoint `weights` alone, unless both `layer` and `head` are
    chosen.

    Arrays of the trace are read-only. Weights are (head, query, key), each row sums to 1; Q is (head, query, feature),
    K and V (key head, key, feature), X and output (query, feature). Entropies and other figures are not part of it.

    Raises AttnError, with a hint, for bad input: DocumentError for a file that is not what it should be, SpecError for
    settings that do not fit, SelectionError for a layer, head, stage or token that is not there, UsageError for an
    argument that cannot act.

    Source: scaled dot-product attention, Vaswani et al. 2017, arXiv 1706.03762.
    """
    if model is not None:
        refuse_options(
            "the numbers and the tokens come from the checkpoint",
            weights=weights,
            context=context,
            seed=seed,
            random=random,
            heads=heads,
            kv_heads=kv_heads,
            dim=dim,
            head_dim=head_dim,
            positions=positions,
            scale=scale,
            softcap=softcap,
            dtype=dtype,
            tokenizer=tokenizer,
            unknown=unknown,
            matrix_stage=matrix_stage,
            max_bytes=max_bytes,
        )
        return run_model(
            model,
            text,
            ids=ids,
            mask=mask,
            without_token=without_token,
            without_head=without_head,
            put=put,
            temperature=temperature,
            layer=layer,
            head=head,
            stage=stage,
        )
    refuse_options("there is no checkpoint", ids=ids)
    keys = dict(weights) if isinstance(weights, Mapping) else None
    request = Request(
        text=text,
        context=context,
        weights="weights" if isinstance(weights, Mapping) else None if weights is None else fspath(weights),
        document=keys,
        matrix_stage=matrix_stage,
        tokenizer=tokenizer,
        seed=seed,
        random=random,
        heads=heads,
        kv_heads=kv_heads,
        dim=dim,
        head_dim=head_dim,
        mask=mask,
        positions=positions,
        scale=spelled(scale),
        softcap=spelled(softcap),
        dtype=dtype,
        unknown=unknown,
        max_bytes=max_bytes,
        what_if=_what_if(without_token, without_head, put, temperature),
    )
    trace = run(request, layers=selection(layer), heads=selection(head), stages=stage_names(stage))
    return trace if request.weights is None else follow_noted(trace)


def run_model(
    model: Path,
    text: str | None = None,
    *,
    ids: str | Sequence[int] | None = None,
    target: str | None = None,
    target_ids: str | Sequence[int] | None = None,
    pair: str | None = None,
    special: bool = True,
    raw: bool = False,
    words: bool = False,
    next: int | None = None,
    mask: str | None = None,
    without_token: Sequence[str] = (),
    without_head: Sequence[str] = (),
    put: Sequence[str] = (),
    temperature: str | float | None = None,
    layer: int | str | None = None,
    head: Choice | None = None,
    stage: str | Iterable[str] | None = None,
) -> Trace:
    """A Trace of a checkpoint on a text, computed in NumPy.

    `model` is a folder in the Hugging Face layout, a GGUF file, or a name, which is looked up in the local cache and
    then on the hub. It runs on `text`, or on token `ids` ([101, 7592, 102]). `target` or `target_ids` are what the
    decoder of an encoder-decoder reads; `pair` is the second text of an encoder. Special tokens are added unless
    `special` is False; `raw` keeps tokens in the model's own spelling; `words` merges the pieces of words (keys summed,
    queries averaged). `next` adds a note with that many likeliest next tokens and their probabilities.

    `mask` replaces the model's own in every layer. The other what-if changes, and `layer`, `head` and `stage`, are
    those of `explain`: without `stage` the trace keeps every stage of one chosen layer and head, `weights` alone
    otherwise. Layers after the last one chosen are not computed.

    Weights are (head, query, key) in float32, rows sum to 1 (less where the model has a sink). Raises AttnError as
    `explain` does, DocumentError for a family, config or tensor that is not understood.
    """
    stages = stage_names(stage)
    if stage is None and not chooses_heads(selection(layer), selection(head)):
        stages = ("weights",)
    request = ModelRequest(
        model=fspath(model),
        text=text,
        ids=selection(ids),
        target=target,
        target_ids=selection(target_ids),
        pair=pair,
        special=special,
        raw=raw,
        words=words,
        next=next,
        what_if=_what_if(without_token, without_head, put, temperature, mask),
    )
    return run_request(request, layers=selection(layer), heads=selection(head), stages=stages)


def _what_if(
    tokens: Sequence[str],
    heads: Sequence[str],
    puts: Sequence[str],
    temperature: str | float | None,
    mask: str | None = None,
) -> WhatIf:
    named = [(words,) if isinstance(words, str) else tuple(words) for words in (tokens, heads, puts)]
    return WhatIf(named[0], named[1], named[2], spelled(temperature), mask)
