"""Notes on texts with unknown tokens."""

from attn_cli.models.tokenizers.tokenizer import Encoded, Tokenizer


def unknown_notes(encoded: Encoded, text: str, tokenizer: Tokenizer) -> list[str]:
    """A note, with the likely reason, if at least half of a text's tokens are unknown; otherwise empty."""
    unknown = tokenizer.unknown
    tokens = [token for token, special in zip(encoded.raw, encoded.special, strict=True) if not special]
    count = sum(token == unknown for token in tokens)
    if unknown is None or 2 * count < len(tokens) or not count:
        return []
    all_or_some = "all" if count == len(tokens) else f"{count} of {len(tokens)}"
    return [f"{all_or_some} tokens of the text are {unknown}: the vocabulary lacks them{_reason(text, tokenizer)}"]


def _reason(text: str, tokenizer: Tokenizer) -> str:
    """The likely reason: the tokenizer lowercases capitals, or the vocabulary has only single letters."""
    library = tokenizer.library
    if not hasattr(library, "token_to_id") or getattr(library, "normalizer", None) is None:
        return ""
    letters = {character for character in text if not character.isspace()}
    known = {letter for letter in letters if library.token_to_id(letter) is not None}
    reasons = []
    if any(letter != letter.lower() for letter in known) and library.normalizer.normalize_str("A") == "a":
        reasons.append("it holds capital letters, and the tokenizer makes the text lower-case (do_lower_case)")
    if known == letters and any(len(word) > 1 for word in text.split()):
        reasons.append("it holds the letters one by one, so put blanks between them")
    return f"; {'; '.join(reasons)}" if reasons else ""
