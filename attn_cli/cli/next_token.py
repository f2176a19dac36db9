"""`attn heads --by ablation` and `--writes`: the effect of heads on the next token, from options to output."""

from functools import partial

from attn_cli.cli.checkpoints import model_request, refuse_options
from attn_cli.cli.options import CheckpointOptions, SelectOptions, ShowOptions, SourceOptions
from attn_cli.cli.progress import progress
from attn_cli.cli.results import Result, again, deliver, display_of
from attn_cli.errors import UsageError, refuse
from attn_cli.models.request import ModelRequest
from attn_cli.views.page import Page


def deliver_next_token(
    source: SourceOptions, checkpoint: CheckpointOptions, choice: SelectOptions, show: ShowOptions, measured: object
) -> None:
    """Print what each head writes into the logits, or with --by ablation the effect of its zero ablation.

    `measured` are the command's own options; only `by` and `writes` can act here.
    """
    writing = bool(getattr(measured, "writes", False))
    option = "--writes" if writing else "--by ablation"
    refuse_options(measured, type(measured)(), f"{option} is about the next token", ("by", "writes"))
    refuse("--writes has its own order", {"--by": writing and getattr(measured, "by", None)})
    refuse(f"{option} is about the next token", {"--stage": choice.stage})
    request = model_request(source, checkpoint)
    if request is None:
        raise UsageError(f"{option} is about the next token, which takes a model", hint="name one with -m")
    (_deliver_writes if writing else _deliver_ablations)(request, checkpoint, choice, show)


def _deliver_ablations(
    request: ModelRequest, checkpoint: CheckpointOptions, choice: SelectOptions, show: ShowOptions
) -> None:
    from attn_cli.analysis.logits.ablation import ablations
    from attn_cli.analysis.logits.document import ablations_document
    from attn_cli.views.pages.writes import ablations_page

    display = display_of(show)
    measured = ablations(request, layers=choice.layer, heads=choice.head, progress=partial(progress, "heads"))

    def page() -> Page:
        return ablations_page(measured, _origin(request), full=show.full, again=again())

    deliver(Result(page, display, show, document=lambda: ablations_document(measured, request.text, request.model)))


def _deliver_writes(
    request: ModelRequest, checkpoint: CheckpointOptions, choice: SelectOptions, show: ShowOptions
) -> None:
    from attn_cli.analysis.logits.document import writes_document
    from attn_cli.analysis.logits.head_writes import writes
    from attn_cli.views.pages.writes import writes_page

    display = display_of(show)
    written = writes(request, layers=choice.layer, heads=choice.head, count=checkpoint.next or 5)

    def page() -> Page:
        return writes_page(written, _origin(request), full=show.full, again=again())

    deliver(Result(page, display, show, document=lambda: writes_document(written, request.text, request.model)))


def _origin(request: ModelRequest) -> tuple[str, ...]:
    return (*([f'"{request.text}"'] if request.text else []), f"checkpoint {request.model}", *request.what_if.notes)
