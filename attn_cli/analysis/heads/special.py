"""Special tokens: those that the tokenizer added, and those spelled like <s> or [CLS]."""

import re
from collections.abc import Collection

from attn_cli.sources.remarks import ADDED
from attn_cli.trace.trace import Trace

SPELLED = re.compile(
    r"</?s>|\[(?:CLS|SEP|PAD|MASK|UNK|BOS|EOS)\]|<(?:bos|eos|pad|unk|mask|cls|sep|start_of_turn|end_of_turn)>"
    r"|<[|｜].+[|｜]>"
)


def special_tokens(trace: Trace) -> frozenset[str]:
    """The tokens that the tokenizer added, as the trace's notes name them."""
    named = [note.removeprefix(ADDED) for note in trace.notes if note.startswith(ADDED)]
    return frozenset(token for names in named for token in names.split(", "))


def is_special(token: str, added: Collection[str]) -> bool:
    """Whether the tokenizer added the token, or it is spelled like a special one."""
    return token in added or SPELLED.fullmatch(token) is not None
