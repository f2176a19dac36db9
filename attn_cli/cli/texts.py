"""The runs of `attn heads`: one for each text of several, or one of repeated random tokens."""

from collections.abc import Iterator
from dataclasses import replace

from attn_cli.cli.checkpoints import model_request
from attn_cli.cli.inputs import chosen_of, request_of
from attn_cli.cli.options import CheckpointOptions, SelectOptions, SourceOptions
from attn_cli.cli.progress import progress
from attn_cli.cli.text import read_piped
from attn_cli.errors import DocumentError, UsageError, refuse
from attn_cli.sources.documents.files import read_text
from attn_cli.sources.explain import opened
from attn_cli.trace.trace import Trace


def traces_of(
    source: SourceOptions, checkpoint: CheckpointOptions, choice: SelectOptions, texts: str | None, repeat: int | None
) -> Iterator[Trace]:
    """Yield a trace for each line of `texts` or of standard input, for `repeat` random tokens repeated, or for TEXT.

    A checkpoint is opened once for all of them.
    """
    refuse("heads are measured by their weights alone", {"--stage": choice.stage})
    if repeat is not None:
        yield _repeated(source, checkpoint, choice, texts, repeat)
        return
    lines: list[str | None] = [*_lines(source, texts)]
    if lines:
        source = replace(source, text=None, as_text=False)
    request = model_request(source, checkpoint)
    if request is None:
        plain = opened(request_of(source)) if len(lines) > 1 else request_of(source)
        for line in lines or [plain.text]:
            yield chosen_of(replace(plain, text=line), choice, None)
        return
    from attn_cli.models.explain import run_model
    from attn_cli.models.request import untold

    if len(lines) > 1:
        request = replace(request, progress=untold)
    for number, line in enumerate(lines or [request.text]):
        if len(lines) > 1:
            progress("texts", number, len(lines))
        yield run_model(replace(request, text=line), layers=choice.layer, heads=choice.head, stages=("weights",))


def has_input(source: SourceOptions, checkpoint: CheckpointOptions, texts: str | None) -> bool:
    """Whether a text, a document or a checkpoint is named."""
    return (source, checkpoint, texts) != (type(source)(), CheckpointOptions(), None)


def _lines(source: SourceOptions, texts: str | None) -> list[str]:
    """The lines of a file or of standard input that are not blank; none where neither is asked for."""
    if texts is not None and source.text is not None:
        raise UsageError("TEXT and --texts are both given", hint="give one of them")
    if texts is not None:
        refuse("the lines of --texts are texts", {"--text": source.as_text})
    if texts is None and source.text != "-":
        return []
    if source.weights == "-" and "-" in (texts, source.text):
        raise UsageError("the texts and -w cannot both be standard input", hint="put one of them in a file")
    content = read_piped(as_text=source.as_text) if texts is None else read_text(texts)
    lines = [line for line in content.splitlines() if line.strip()]
    if not lines:
        raise DocumentError("there is no text, only blank lines", hint="give one text per line")
    return lines


def _repeated(
    source: SourceOptions, checkpoint: CheckpointOptions, choice: SelectOptions, texts: str | None, repeat: int
) -> Trace:
    """The checkpoint on random tokens, drawn from --seed, and the same tokens again."""
    if checkpoint.model is None:
        refuse("there is no checkpoint (-m)", {"--repeat": repeat})
    if source.text is not None or texts is not None or checkpoint.ids is not None:
        raise UsageError("--repeat draws the tokens itself", hint="leave the text out")
    from attn_cli.analysis.logits.repeated import repeated_ids
    from attn_cli.models.explain import run_model

    request = model_request(replace(source, seed=None), checkpoint)
    assert request is not None  # -m is given
    request = replace(request, ids=repeated_ids(request.opened, repeat, source.seed or 0))
    return run_model(request, layers=choice.layer, heads=choice.head, stages=("weights",))
