"""What can go wrong, each error with what is wrong and what to do about it."""


class AttnError(Exception):
    """The input is wrong: `message` says what and where, `hint` what to type or change."""

    exit_code = 1

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(AttnError):
    """The command line itself is wrong."""

    exit_code = 2


class SpecError(AttnError):
    """Settings that no attention can have: a bad spelling, heads that do not divide, shapes that do not fit."""


class DocumentError(AttnError):
    """A file or stream that is not the document it should be."""


class SelectionError(AttnError):
    """A layer, head, stage or token that is not there."""
