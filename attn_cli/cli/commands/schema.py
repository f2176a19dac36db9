"""`attn schema`: the JSON Schema of a document."""

from typing import Annotated

import typer


def command(name: Annotated[str, typer.Argument(metavar="weights|trace", help="Which document.")]) -> None:
    """Print the JSON Schema of a document: weights, or trace.

    attn schema weights > weights.schema.json
    attn schema trace
    """
    import json

    from attn_cli.cli.output import write_stdout
    from attn_cli.errors import UsageError
    from attn_cli.sources.documents.schema import weights_schema
    from attn_cli.trace.files.schema import trace_schema

    schemas = {"weights": weights_schema, "trace": trace_schema}
    if name not in schemas:
        raise UsageError(f"there is no schema {name!r}", hint=f"choose one of {', '.join(schemas)}")
    write_stdout((json.dumps(schemas[name](), indent=2, ensure_ascii=False) + "\n").encode())
