"""`attn schema`: the JSON Schema of a document."""

from typing import Annotated

import typer


def command(name: Annotated[str, typer.Argument(metavar="weights|trace", help="Which document.")]) -> None:
    """The JSON Schema (2020-12) of a document: weights, or trace."""
    import json

    from attn_cli.cli.output import write_stdout
    from attn_cli.errors import UsageError
    from attn_cli.sources.schema import weights_schema
    from attn_cli.trace.schema import trace_schema

    schemas = {"weights": weights_schema, "trace": trace_schema}
    if name not in schemas:
        raise UsageError(f"there is no schema {name!r}", hint=f"there is {', '.join(schemas)}")
    write_stdout((json.dumps(schemas[name](), indent=2, ensure_ascii=False) + "\n").encode())
