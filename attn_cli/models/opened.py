"""A checkpoint that is opened once for all runs of a command."""

from dataclasses import dataclass
from functools import cached_property

from attn_cli.errors import DocumentError, UsageError
from attn_cli.models.hub import resolved
from attn_cli.models.model import Model, open_model
from attn_cli.models.tokenizers.legacy import target_tokenizer
from attn_cli.models.tokenizers.opening import open_tokenizer
from attn_cli.models.tokenizers.tokenizer import Encoded, Tokenizer


@dataclass(frozen=True, eq=False, repr=False)
class OpenedCheckpoint:
    """A checkpoint by its path or name; its model and tokenizer are opened on first use.

    Runs share the opened model and tokenizer, but each run reads its weights again.
    """

    path: str
    ignored_keys: tuple[str, ...] = ()

    @cached_property
    def model(self) -> Model:
        """The model; DocumentError if anything is missing or unknown."""
        return open_model(resolved(self.path), self.ignored_keys)

    @cached_property
    def tokenizer(self) -> Tokenizer:
        """The tokenizer; DocumentError if the folder has none."""
        return open_tokenizer(self.model.folder)

    @cached_property
    def target_tokenizer(self) -> Tokenizer:
        """The tokenizer of the decoder's text."""
        return target_tokenizer(self.model.folder, self.tokenizer)

    @property
    def style(self) -> str:
        """The spelling of tokens; plain if the folder has no tokenizer."""
        try:
            return self.tokenizer.style
        except DocumentError:
            return "plain"

    def token(self, number: int) -> str:
        """The token of an id; `#5` if the folder has no tokenizer."""
        return self._named((number,)).tokens[0]

    def encode_ids(self, spelled: str, option: str) -> Encoded:
        """The tokens of ids spelled as 5,17,3; UsageError that names the option for anything else."""
        try:
            ids = tuple(int(part) for part in spelled.split(","))
        except ValueError as error:
            raise UsageError(
                f"{option}: {spelled!r} is not a list of whole numbers", hint="such as 101,7592,102"
            ) from error
        return self._named(ids)

    def _named(self, ids: tuple[int, ...]) -> Encoded:
        try:
            return self.tokenizer.named(ids)
        except DocumentError:  # without a tokenizer the model can still run on ids
            tokens = tuple(f"#{number}" for number in ids)
            return Encoded(ids, tokens, tokens, (False,) * len(ids), tuple(range(len(ids))), (0,) * len(ids))
