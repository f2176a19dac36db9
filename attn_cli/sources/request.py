"""Request: the input and the options of a run, before anything is read."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from attn_cli.errors import AttnError, UsageError, refuse
from attn_cli.sources.documents.settings import PARSERS
from attn_cli.sources.seeded import RANDOM
from attn_cli.sources.whatif import WhatIf

UNKNOWN = ("random", "zero")
"""How to embed tokens missing from a document."""
MATRIX_STAGES = ("weights", "scores")
"""The stages that a bare matrix may hold."""


@dataclass(frozen=True, repr=False)
class Request:
    """The input and options of a run; None leaves the choice to the document or the default.

    `weights` is the path of a document, or `-` for standard input; with `document`, keys and values at hand, it is the
    name that errors use. `opened` is the document as it was read, which several runs may share. `unknown` is one of
    UNKNOWN, `random` one of RANDOM, and `matrix_stage`, the stage that a bare matrix holds, one of MATRIX_STAGES.
    `allow_nonfinite` accepts NaN and infinities. `max_bytes` limits what is read from a file and unpacked. `what_if`
    holds changes to the run.
    """

    text: str | None = None
    context: str | None = None
    weights: str | None = None
    document: Mapping[str, Any] | None = None
    opened: Any = None
    matrix_stage: str | None = None
    tokenizer: str | None = None
    seed: int | None = None
    random: str | None = None
    heads: int | None = None
    kv_heads: int | None = None
    dim: int | None = None
    head_dim: int | None = None
    mask: str | None = None
    positions: str | None = None
    scale: str | None = None
    softcap: str | None = None
    dtype: str | None = None
    unknown: str | None = None
    allow_nonfinite: bool = False
    max_bytes: int | None = None
    what_if: WhatIf = field(default=WhatIf())

    @property
    def name(self) -> str:
        """The name of the document in errors."""
        return "standard input" if self.weights == "-" else str(self.weights)

    def overrides(self) -> dict[str, Any]:
        """The settings of the request, parsed; UsageError for a misspelled one."""
        choices = {"unknown": UNKNOWN, "random": RANDOM, "matrix_stage": MATRIX_STAGES}
        for name, known in choices.items():
            if (value := getattr(self, name)) not in (None, *known):
                raise UsageError(f"--{name}: there is no {value!r}", hint=f"choose one of {', '.join(known)}")
        chosen: dict[str, Any] = {}
        for name, parse in PARSERS.items():
            if (value := getattr(self, name)) is not None:
                try:
                    chosen[name] = parse(value)
                except AttnError as error:
                    raise UsageError(f"--{name}: {error.message}", hint=error.hint) from error
        counts = {"heads": self.heads, "kv_heads": self.kv_heads}
        if (divisor := self.what_if.divisor) is not None:
            chosen["temperature"] = divisor
        return chosen | {name: count for name, count in counts.items() if count is not None}

    def kept(self, tokens: tuple[str, ...]) -> tuple[str, ...]:
        """The tokens of the text without those that the request removes."""
        return tuple(tokens[index] for index in self.what_if.kept(tokens))

    def refuse(self, why: str, **options: object) -> None:
        """Raise UsageError for the first option that is set although it cannot act."""
        refuse(why, {"--" + name.replace("_", "-"): value for name, value in options.items()})
