"""Groups of options: dataclasses that Typer sees as single options and a command gets whole."""

import inspect
from collections.abc import Callable
from dataclasses import MISSING, fields, is_dataclass
from functools import wraps
from typing import Any, TypeVar

Returned = TypeVar("Returned")


def grouped(function: Callable[..., Returned]) -> Callable[..., Returned]:
    """The command for Typer: its parameters are the fields of the dataclasses that `function` takes.

    A field is `name: Annotated[type, typer.Option(...)] = default`; no two may share a name. The docstring of the
    dataclass that declares it is its heading in the help.
    """
    groups: dict[str, Any] = {}
    headings: dict[str, str] = {}
    parameters: list[inspect.Parameter] = []
    for parameter in inspect.signature(function).parameters.values():
        if not is_dataclass(parameter.annotation):
            parameters.append(parameter.replace(kind=parameter.KEYWORD_ONLY))
            continue
        groups[parameter.name] = parameter.annotation
        for field in fields(parameter.annotation):
            default = parameter.empty if field.default is MISSING else field.default
            annotated = inspect.Parameter(field.name, parameter.KEYWORD_ONLY, default=default, annotation=field.type)
            parameters.append(annotated)
            headings[field.name] = _heading(parameter.annotation, field.name)
    signature = inspect.Signature(parameters)

    @wraps(function)
    def command(**options: Any) -> Returned:
        bound = signature.bind(**options)
        bound.apply_defaults()
        rest = bound.arguments
        built = {name: group(**{f.name: rest.pop(f.name) for f in fields(group)}) for name, group in groups.items()}
        return function(**built, **rest)

    command.headings = headings  # type: ignore[attr-defined]
    # Typer reads names and defaults from the signature, types from the annotations.
    command.__signature__ = signature  # type: ignore[attr-defined]
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return command


def _heading(group: Any, name: str) -> str:
    """The docstring of the base class that declares a field."""
    declares = next(base for base in reversed(group.__mro__) if name in inspect.get_annotations(base))
    return (declares.__doc__ or "").rstrip(".")
