"""attn, the command-line attention inspector, as a library: `from attn_cli import explain, why, heads, check, …`."""

TYPE_CHECKING = False  # `attn --version` imports nothing, not even typing
if TYPE_CHECKING:
    from typing import Any

    from attn_cli.analysis.compare import compare
    from attn_cli.analysis.library.aggregate import aggregate
    from attn_cli.analysis.library.check import check
    from attn_cli.analysis.library.explain import explain, run_model
    from attn_cli.analysis.library.heads import heads
    from attn_cli.analysis.library.why import why
    from attn_cli.core.attention import Projections, attend
    from attn_cli.core.spec import Spec
    from attn_cli.errors import AttnError
    from attn_cli.trace.trace import Layer, Trace

__version__ = "0.1.0"
__all__ = [
    "AttnError",
    "Layer",
    "Projections",
    "Spec",
    "Trace",
    "aggregate",
    "attend",
    "check",
    "compare",
    "explain",
    "heads",
    "run_model",
    "why",
]

_HOMES = {
    "AttnError": "attn_cli.errors",
    "Layer": "attn_cli.trace.trace",
    "Projections": "attn_cli.core.attention",
    "Spec": "attn_cli.core.spec",
    "Trace": "attn_cli.trace.trace",
    "aggregate": "attn_cli.analysis.library.aggregate",
    "attend": "attn_cli.core.attention",
    "check": "attn_cli.analysis.library.check",
    "compare": "attn_cli.analysis.compare",
    "explain": "attn_cli.analysis.library.explain",
    "heads": "attn_cli.analysis.library.heads",
    "run_model": "attn_cli.analysis.library.explain",
    "why": "attn_cli.analysis.library.why",
}


def __getattr__(name: str) -> "Any":
    """Import a public name when it is first used, and give traces their notebook view."""
    from importlib import import_module

    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    import_module("attn_cli.trace.trace").Trace.notebook_view = _notebook_view
    return value


def _notebook_view(trace: "Trace") -> str:
    """The HTML of a trace; the view is imported when a notebook first shows one."""
    from importlib import import_module

    html: str = import_module("attn_cli.views.notebook").html(trace)
    return html
