"""Record: the stages of one attention, computed and given, and which of them are kept."""

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from attn_cli.errors import SelectionError
from attn_cli.trace.stages import PARTS, STAGES, last_form
from attn_cli.trace.trace import Array, Stage, frozen, shape_words

if TYPE_CHECKING:
    from attn_cli.core.edits import Edit
    from attn_cli.core.watching import Watch

AS_STORED = "as stored"


class Record:
    """Collects stages one by one; a given stage is recorded unchanged, never computed.

    `known` holds every stage so far, `stages` the kept ones; `steps` names the stages that scores go through.
    `watch` is shown all of those while they are computed.
    """

    def __init__(
        self,
        given: Mapping[str, Array],
        keep: Collection[str] | None,
        edits: "Collection[Edit]" = (),
        watch: "Watch | None" = None,
    ) -> None:
        self.watch = watch
        self.edits = tuple(edits)
        self.given = {name: self._edited(name, array) for name, array in given.items()} if edits else given
        self.keep = keep if keep is None else {*keep, *(edit.stage for edit in edits)}
        self.known: dict[str, Array] = {}
        self.stages: list[Stage] = []
        self.steps: tuple[str, ...] = ()

    def keeps(self, *names: str) -> bool:
        """Whether any of these stages is kept; parts of scores are kept only on request."""
        if self.keep is None:
            return any(name not in PARTS for name in names)
        return any(name in self.keep for name in names)

    def add(self, name: str, array: Array, formula: str) -> Array:
        """Record a computed stage and return its array, edited and frozen."""
        array = self._edited(name, array)
        self.known[name] = array
        if self.keeps(name):
            self.stages.append(Stage(name, frozen(array), self._with_edits(name, formula)))
        return array

    def take(self, name: str, given_as: str | None = None) -> bool:
        """Record a given stage, which may be given under another name; False if it was not given."""
        if (array := self.given.get(given_as or name)) is None:
            return False
        array = self._edited(name, array)
        self.known[name] = array
        if self.keeps(name):
            formula = AS_STORED if given_as is None else f"{name} = embeddings   {by(array)}"
            self.stages.append(Stage(name, array, self._with_edits(name, formula)))
        return True

    def check_edits(self) -> None:
        """SelectionError for an edit of a stage that this attention does not have."""
        for edit in self.edits:
            if edit.stage not in self.known:
                names = ", ".join(name for name in STAGES if name in {*self.known, *self.steps})
                raise SelectionError(f"there is no {edit.stage} here to change", hint=f"there is {names}")

    def _edited(self, name: str, array: Array) -> Array:
        edits = [edit for edit in self.edits if edit.stage == name]
        if not edits:
            return array
        from attn_cli.core.edits import edited

        return edited(array, edits)

    def _with_edits(self, name: str, formula: str) -> str:
        """The formula, with the words of the stage's edits."""
        words = [edit.words for edit in self.edits if edit.stage == name]
        if not words:
            return formula
        return "; ".join([f"{name} as stored" if formula in ("", AS_STORED) else formula, *words])

    def form(self, name: str) -> str | None:
        """The last form of Q, K or head_output that is known."""
        return last_form(name, self.known)


def by(array: Array) -> str:
    """The shape of an array in words: 3×4."""
    return shape_words(array.shape) or "one number"
