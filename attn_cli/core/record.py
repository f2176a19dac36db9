"""Record: the stages of one run, what is known so far, and which of it is kept."""

from collections.abc import Collection, Mapping

from attn_cli.trace.stages import PARTS
from attn_cli.trace.trace import Array, Stage, frozen

AS_STORED = "as stored"


class Record:
    """Grows by a stage at a time; a given stage is taken as it is, never computed."""

    def __init__(self, given: Mapping[str, Array], keep: Collection[str] | None) -> None:
        self.given = given
        self.keep = keep
        self.known: dict[str, Array] = {}
        self.stages: list[Stage] = []

    def keeps(self, *names: str) -> bool:
        """Whether any of these stages is to be held on to; parts of scores only if they are asked for."""
        if self.keep is None:
            return any(name not in PARTS for name in names)
        return any(name in self.keep for name in names)

    def add(self, name: str, array: Array, formula: str) -> Array:
        """Note a stage that was computed; it is ours, so it is frozen."""
        self.known[name] = array
        if self.keeps(name):
            self.stages.append(Stage(name, frozen(array), formula))
        return array

    def take(self, name: str, given_as: str | None = None) -> bool:
        """Note a stage that was given, as it is, perhaps under another name; False if it was not."""
        if (array := self.given.get(given_as or name)) is None:
            return False
        self.known[name] = array
        if self.keeps(name):
            self.stages.append(
                Stage(name, array, AS_STORED if given_as is None else f"{name} = embeddings   {by(array)}")
            )
        return True

    def latest(self, *names: str) -> Array | None:
        """The first of these stages that is known."""
        return next((self.known[name] for name in names if name in self.known), None)

    def matched(self, name: str) -> str | None:
        """The last form of Q or K that is known: rotated, else normed, else plain."""
        return next((form for form in (f"{name}_rotated", f"{name}_normed", name) if form in self.known), None)


def by(array: Array) -> str:
    """A shape in words: 3×4."""
    return "×".join(map(str, array.shape)) or "one number"
