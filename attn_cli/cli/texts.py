"""Several texts, or none at all but random tokens: one trace for each."""

from collections.abc import Iterator
from dataclasses import replace

from attn_cli.cli.inputs import trace_of
from attn_cli.cli.options import CheckpointOptions, SelectOptions, SourceOptions
from attn_cli.errors import DocumentError, UsageError
from attn_cli.sources.documents.files import read_text
from attn_cli.trace.trace import Trace


def traces_of(
    source: SourceOptions, checkpoint: CheckpointOptions, choice: SelectOptions, texts: str | None, repeat: int | None
) -> Iterator[Trace]:
    """A trace for each line of standard input or of the file `texts`; for random tokens said twice; or for TEXT."""
    if choice.stage is not None:
        raise UsageError("--stage cannot act here: heads are told by their weights", hint="leave --stage out")
    default = None if checkpoint.model is None else ("weights",)
    if repeat is not None:
        source, checkpoint = _repeated(source, checkpoint, texts, repeat)
    lines: list[str | None] = [*_lines(source, texts)]
    for text in lines or [source.text]:
        yield trace_of(replace(source, text=text), checkpoint, choice, default)


def nothing_to_look_at(source: SourceOptions, checkpoint: CheckpointOptions, texts: str | None) -> bool:
    """Whether no text, document or checkpoint is named."""
    return (source, checkpoint, texts) == (type(source)(), CheckpointOptions(), None)


def _lines(source: SourceOptions, texts: str | None) -> list[str]:
    """The texts, one a line; none where they are not in a file or a pipe."""
    if texts is not None and source.text is not None:
        raise UsageError("TEXT and --texts are both given", hint="give one of them")
    if texts is None and source.text != "-":
        return []
    if source.weights == "-" and "-" in (texts, source.text):
        raise UsageError("the texts and -w cannot both be standard input", hint="put one of them in a file")
    lines = [line for line in read_text(texts or "-").splitlines() if line.strip()]
    if not lines:
        raise DocumentError("there is no text, only blank lines", hint="give one text a line")
    return lines


def _repeated(
    source: SourceOptions, checkpoint: CheckpointOptions, texts: str | None, repeat: int
) -> tuple[SourceOptions, CheckpointOptions]:
    """The checkpoint on random tokens said twice, drawn from --seed."""
    if checkpoint.model is None:
        raise UsageError("--repeat cannot act here: there is no checkpoint (-m)", hint="give -m, or leave it out")
    if source.text is not None or texts is not None or checkpoint.ids is not None:
        raise UsageError("--repeat draws the tokens itself", hint="leave the text out")
    from attn_cli.analysis.logits.repeated import repeated_ids

    ids = repeated_ids(checkpoint.model, repeat, source.seed or 0)
    return replace(source, seed=None), replace(checkpoint, ids=ids)
