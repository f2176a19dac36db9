"""`attn schema`: the JSON Schema of a document."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Annotated, Any

import typer

from attn_cli.cli.help.choices import completing, require


def _weights() -> Any:
    from attn_cli.sources.documents.schema import weights_schema

    return weights_schema()


def _trace() -> Any:
    from attn_cli.trace.files.schema import trace_schema

    return trace_schema()


SCHEMAS: Mapping[str, Callable[[], Any]] = MappingProxyType({"weights": _weights, "trace": _trace})


def command(
    name: Annotated[
        str,
        typer.Argument(metavar="NAME", help="The document: {schemas}.", autocompletion=completing("schemas")),
    ],
) -> None:
    """Print the JSON Schema of a document: weights, or trace.

    attn schema weights > weights.schema.json
    attn schema trace
    """
    import json

    from attn_cli.cli.output import write_stdout

    require("NAME", name, "schemas")
    write_stdout((json.dumps(SCHEMAS[name](), indent=2, ensure_ascii=False) + "\n").encode())
