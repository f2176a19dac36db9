"""The page of `attn model`: facts about a checkpoint and its layers."""

from attn_cli.models.describe import Description, Layers
from attn_cli.views.page import Block, Heading, Listing, Page, Prose


def model_page(model: Description) -> Page:
    """The size and layers of a checkpoint, or the reason why attn cannot compute it."""
    blocks: list[Block] = [Heading(f"{model.model_type or 'a checkpoint'} in {model.folder}")]
    if model.refused is not None:
        blocks += [Prose(f"attn cannot compute it: {model.refused}")]
    else:
        facts = {
            "parameters": f"{model.parameters:,}",
            "size": f"{model.size / 2**20:,.1f} MiB, {', '.join(model.dtypes)}",
            "d_model": f"{model.width:,}",
            "vocabulary": f"{model.vocabulary:,}",
            "positions": "no stated limit" if model.max_positions is None else f"at most {model.max_positions:,}",
            "predicts": "the next token" if model.language_model else "no next token",
            "tokenizer": _tokenizer(model),
        }
        blocks.append(Listing(("", ""), tuple(facts.items())))
        header = ("layers", "heads", "kv", "width", "mask", "positions", "scale", "also")
        blocks.append(Listing(header, tuple(map(_row, model.layers)), right=frozenset({1, 2, 3})))
        blocks += [Prose(f"note: {note}") for note in model.notes]
    return tuple(blocks)


def _tokenizer(model: Description) -> str:
    """Where the tokenizer is, and what is wrong with it."""
    if model.tokenizer_fault is not None:
        return f"{model.tokenizer}, which cannot be opened: {model.tokenizer_fault}"
    return model.tokenizer or "none: use --ids"


def _run(run: Layers) -> str:
    """The name of a run of equal layers: layers 0–5, encoder 0–5."""
    stack, _, first = run.first.rpartition(".")
    last = run.last.rpartition(".")[2]
    return f"{stack.removesuffix('.layers')} {first}" + (f"–{last}" if last != first else "")


def _row(run: Layers) -> tuple[str, ...]:
    return (
        _run(run),
        str(run.heads),
        str(run.kv_heads),
        str(run.head_dim),
        run.mask,
        run.positions,
        run.scale,
        ", ".join(run.extras),
    )
