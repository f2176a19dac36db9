"""The match of a query and a key on the page of `attn why`: products, feature by feature, and their sum."""

from collections.abc import Iterator, Sequence

from attn_cli.analysis.following.expected import Mismatch
from attn_cli.analysis.why import ProductTerm, QueryKeyProduct
from attn_cli.views.drawing.calculations import digits, noted, read, sayer, stored_words
from attn_cli.views.page import Block, Equation, Heading, Listing, Prose
from attn_cli.views.pages.provenance import count

TERMS = 16
WIDER = 2
"""The most digits that queries and keys get beyond those of the products."""
SUMS = "Products and sums are rounded from the full numbers, so a last digit may differ by 1."


def match_lines(
    match: QueryKeyProduct, mismatches: Sequence[Mismatch], precision: int, *, full: bool
) -> Iterator[Block]:
    """The products of a query's and a key's features, the largest first, their sum, and what rotation adds to it."""
    yield Heading(f"The match: {match.q} · {match.k}, feature by feature, the largest first")
    shown = match.terms if full else match.terms[:TERMS]
    say, factor = sayer(precision), sayer(_enough(shown, precision))
    rows = tuple(
        (str(term.feature), factor(term.q), factor(term.k), say(term.product), say(term.total)) for term in shown
    )
    yield Listing(("feature", match.q, match.k, "product", "sum so far"), rows, right=frozenset(range(5)))
    if not _adds_up(shown, precision):
        yield Prose(SUMS, faint=True)
    if len(shown) < len(match.terms):
        rest = match.score - shown[-1].total
        left = len(match.terms) - len(shown)
        adds = "adds" if left == 1 else "add"
        yield Prose(f"… {count(left, 'more feature')} {adds} {say(rest)}; --full shows all", faint=True)
    follows = all(mismatch.stage != "scores" for mismatch in mismatches)
    stored = stored_words(match.score, match.stored, follows=follows, precision=precision)
    yield Equation(noted(f"score = {say(match.score)}", stored))
    if match.unturned is not None:
        rotated = all(not mismatch.stage.endswith("_rotated") for mismatch in mismatches)
        yield Equation(_unturned(match, match.unturned, precision, rotated=rotated))


def _unturned(match: QueryKeyProduct, unturned: float, precision: int, *, rotated: bool) -> str:
    """The product before rotation, and what rotation adds to it."""
    turned = match.score - unturned
    enough = digits(lambda read: read(unturned) + read(turned), match.score, precision)
    say = sayer(precision if enough is None else enough)
    what = "rotating and norming" if match.normed else "rotating" if rotated else "what is stored as rotated"
    does = f"takes {say(-turned)} away" if turned < 0 else f"adds {say(turned)}"
    return f"without rotation = {say(unturned)}   ({what} {does})"


def _enough(terms: Sequence[ProductTerm], precision: int) -> int:
    """The digits of queries and keys that give all printed products."""
    wide = [precision]
    for term in terms:
        q, k = term.q, term.k
        enough = digits(lambda read, q=q, k=k: read(q) * read(k), term.product, precision)  # type: ignore[misc]
        wide += [] if enough is None else [enough]
    return min(max(wide), precision + WIDER)


def _adds_up(terms: Sequence[ProductTerm], precision: int) -> bool:
    """Whether the printed products come out, and add up to each printed sum."""
    say, factor, total = sayer(precision), sayer(_enough(terms, precision)), 0.0
    for term in terms:
        if say(read(factor(term.q)) * read(factor(term.k))) != say(term.product):
            return False
        total = read(say(total)) + read(say(term.product))
        if say(total) != say(term.total):
            return False
        total = term.total
    return True
