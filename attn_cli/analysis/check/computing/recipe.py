"""Recipe: how one layer is computed, as words and numbers, so that a mistake is a recipe with one field changed."""

from dataclasses import dataclass

from attn_cli.core.masks import Mask, NoMask
from attn_cli.core.positions import QueryScaling

STEPS = ("scale", "softcap", "bias", "mask")
"""The steps on scores, in their usual order."""
MADE = {"scale": "scaled", "softcap": "softcapped", "bias": "biased", "mask": "masked"}
"""The stage that each step makes."""


@dataclass(frozen=True)
class Stand:
    """Where the tokens of queries, keys or values stand: at their declared positions, or by a mistaken rule.

    `rule` is declared, zero (nothing rotates), index (0, 1, 2, … from the first that is there), end (the last stands
    on the last key) or padding (padding does not count); `shift` is added.
    """

    rule: str = "declared"
    shift: int = 0
    sign: int = 1


@dataclass(frozen=True)
class Rotation:
    """Rotary positions, as `core.positions.Rope` has them, and how they go wrong.

    `last` rotates the last `dim` features instead of the first; `counted` is the width by which speeds are counted
    where it is not `dim`; `doubled` is 2 in base^(2i/dim), and 1 where that was left out. `frequencies` (pair) stand in
    place of all that. What rotates is made `length` times as long, of queries and of keys.
    """

    base: float = 10000.0
    style: str = "half"
    dim: int | None = None
    factor: float = 1.0
    last: bool = False
    counted: int | None = None
    doubled: int = 2
    frequencies: tuple[float, ...] | None = None
    length: tuple[float, float] = (1.0, 1.0)


@dataclass(frozen=True)
class Norm:
    """A norm of queries and keys: rms, l2 or layer, over each head or all of them.

    `own` stands for what the file holds or its stages show, of `kind`, `over` and `gain`. A gain may be none, that of
    the other of queries and keys (exchanged), or 1 more or less. `sides` are those of Q and K that are normed.
    """

    kind: str = "own"
    over: str = "own"
    gain: str = "own"
    sides: str = "QK"


@dataclass(frozen=True)
class Hides:
    """What is hidden: by the rule of a mask, by the array `attn_mask`, by padding or packing that nobody declared.

    `shift` moves every query so many keys on. `array` is given, none, inverted, transposed, mirrored, next or previous.
    `pads` hides so many first keys, or last where it is below 0; `packed` are the lengths of texts that do not see
    each other; `zeros` hides what weighs 0 in the stored weights.
    """

    rule: Mask = NoMask()
    shift: int = 0
    corner: bool = False
    inverted: bool = False
    transposed: bool = False
    array: str = "given"
    pads: int = 0
    packed: tuple[int, ...] = ()
    zeros: bool = False
    whole: bool = False


@dataclass(frozen=True)
class Fill:
    """What hidden scores become: −∞ (`hide`), a number `put` there or added (`add`), or, after softmax, 0 (`late`)
    or a number added to the weight (`late add`)."""

    kind: str = "hide"
    value: float = 0.0


@dataclass(frozen=True)
class Cap:
    """A softcap; `form` is tanh, or how it is written wrongly: times, unscaled, undivided."""

    cap: float
    form: str = "tanh"


@dataclass(frozen=True)
class Slopes:
    """ALiBi: a slope for each head that is there, and the distance it is multiplied with: away, ahead or key."""

    slopes: tuple[float, ...]
    distance: str = "away"


@dataclass(frozen=True)
class Recipe:
    """Every choice between embeddings and output; arrays stand in the Dump and are named here.

    `roles` says which numbers stand for queries, keys and values; `transposed` names matrices that are multiplied the
    other way round, `biases` the vector that is added after each matrix ("" for none); `cuts` how queries, keys and
    values are cut into heads. `key_heads` and `value_heads` name, for each query head that is there, the place of the
    key head it looks through; `query_heads` is for heads that were exchanged. `blind` says what a query that sees no
    key does: nothing, uniform, or by score. `sinks` are known numbers, one for each head; `left` says that only what
    they left is known. `kept` is what dropout multiplied the weights with that it kept. `clip` limits queries, keys
    and values as they are projected, and `growing` queries last of all, by their position.
    `bias_form` is given, transposed, first (that of the first head in every head) or reversed.
    """

    # from vectors to heads
    roles: tuple[str, str, str] = ("Q", "K", "V")
    sources: tuple[str, str, str] = ("X", "X", "X")
    transposed: frozenset[str] = frozenset()
    biases: tuple[tuple[str, str], ...] = (("Q", "b_Q"), ("K", "b_K"), ("V", "b_V"), ("O", "b_O"))
    cuts: tuple[str, str, str] = ("split", "split", "split")
    query_heads: tuple[int, ...] = ()
    key_heads: tuple[int, ...] = ()
    value_heads: tuple[int, ...] = ()
    # on heads
    stands: tuple[Stand, Stand, Stand] = (Stand(), Stand(), Stand("zero"))
    added: Stand = Stand()
    rotation: Rotation | None = None
    clip: float | None = None
    norm: Norm | None = None
    norm_last: bool = False
    growing: QueryScaling | None = None
    # on scores
    product: str = "transposed"
    steps: tuple[str, ...] = STEPS
    factor: float | None = 1.0
    early_factor: bool = False
    cap: Cap | None = None
    slopes: Slopes | None = None
    bias: float = 1.0
    bias_form: str = "given"
    hides: Hides = Hides()
    fill: Fill = Fill()
    blind: str = "nothing"
    # softmax and after
    over: str = "keys"
    sinks: tuple[float, ...] | None = None
    left: bool = False
    kept: float | None = None
    flipped: bool = False
    averaged: bool = False
    # to the output
    joined: str = "side by side"
    output_heads: tuple[int, ...] = ()
    output_matrix: str = "given"
    residual: str = ""

    def bias_of(self, name: str) -> str:
        """The name of the vector that is added after the matrix of `name`; empty for none."""
        return dict(self.biases)[name]
