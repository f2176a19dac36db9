"""attn, the command-line attention inspector, as a library: `from attn_cli import explain, attend, Trace`."""

TYPE_CHECKING = False  # typing's own would be all that `attn --version` imports
if TYPE_CHECKING:
    from typing import Any

    from attn_cli.core.attention import Projections, attend
    from attn_cli.core.spec import Spec
    from attn_cli.sources.explain import explain
    from attn_cli.trace.trace import Layer, Trace

__version__ = "0.1.0"
__all__ = ["Layer", "Projections", "Spec", "Trace", "attend", "explain"]

_HOMES = {
    "Layer": "attn_cli.trace.trace",
    "Projections": "attn_cli.core.attention",
    "Spec": "attn_cli.core.spec",
    "Trace": "attn_cli.trace.trace",
    "attend": "attn_cli.core.attention",
    "explain": "attn_cli.sources.explain",
}


def __getattr__(name: str) -> "Any":
    """Import a public name when it is first used, so that `attn --version` imports nothing."""
    from importlib import import_module

    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
