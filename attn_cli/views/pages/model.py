"""The page of `attn model`: what a checkpoint is."""

from attn_cli.models.describe import Description, Layers
from attn_cli.views.page import Block, Heading, Listing, Page, Prose


def model_page(found: Description) -> Page:
    """What a checkpoint is, its layers, and whether attn computes it."""
    blocks: list[Block] = [Heading(f"{found.model_type or 'a checkpoint'} in {found.folder}")]
    if found.refused is not None:
        blocks += [Prose(f"attn does not compute it: {found.refused}")]
    else:
        facts = {
            "parameters": f"{found.parameters:,}",
            "size": f"{found.size / 2**20:,.1f} MiB, {', '.join(found.dtypes)}",
            "d_model": f"{found.width:,}",
            "vocabulary": f"{found.vocabulary:,}",
            "positions": "no limit stated" if found.max_positions is None else f"{found.max_positions:,} at the most",
            "predicts": "the next token" if found.language_model else "no next token",
            "tokenizer": found.tokenizer or "none: give --ids",
        }
        blocks.append(Listing(("", ""), tuple(facts.items())))
        header = ("layers", "heads", "kv", "width", "mask", "positions", "scale", "besides")
        blocks.append(Listing(header, tuple(map(_row, found.layers)), right=frozenset({1, 2, 3})))
    return tuple(blocks)


def _run(run: Layers) -> str:
    """The layers of a run: layers 0–5, encoder 0–5."""
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
