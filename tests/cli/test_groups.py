"""Groups of options, through a small Typer app."""

from dataclasses import dataclass
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from attn_cli.cli.option_groups import grouped


@dataclass(frozen=True)
class Size:
    text: Annotated[str, typer.Argument(help="What.")]
    wide: Annotated[int, typer.Option("--wide", "-w", min=1, help="How wide.")] = 3


@dataclass(frozen=True)
class Look:
    names: Annotated[list[str] | None, typer.Option(help="Which.")] = None
    size: Annotated[float | None, typer.Option(help="As a group is called.")] = None


@grouped
def command(size: Size, display: Look, brief: Annotated[bool, typer.Option("--brief")] = False) -> None:
    """Say what came."""
    typer.echo(f"{size} {display} {brief}")


app = typer.Typer(rich_markup_mode=None)
app.command()(command)


def test_a_command_gets_the_dataclasses_with_what_was_typed() -> None:
    result = CliRunner().invoke(app, ["hi", "-w", "7", "--names", "a", "--names", "b", "--brief"])
    assert result.output == "Size(text='hi', wide=7) Look(names=['a', 'b'], size=None) True\n"


def test_defaults_are_those_of_the_fields() -> None:
    assert CliRunner().invoke(app, ["hi"]).output == "Size(text='hi', wide=3) Look(names=None, size=None) False\n"


def test_a_field_may_have_the_name_of_a_group() -> None:
    assert "size=2.5)" in CliRunner().invoke(app, ["hi", "--size", "2.5"]).output


def test_typer_checks_and_documents_the_fields_in_their_order() -> None:
    assert CliRunner().invoke(app, ["hi", "--wide", "0"]).exit_code == 2
    text = CliRunner().invoke(app, ["--help"]).output
    assert "Say what came." in text
    assert 0 < text.index("--wide") < text.index("--names") < text.index("--brief")


def test_a_grouped_command_can_be_called_from_python(capsys: pytest.CaptureFixture[str]) -> None:
    command(text="hi", brief=True)
    assert capsys.readouterr().out == "Size(text='hi', wide=3) Look(names=None, size=None) True\n"


def test_two_groups_cannot_share_a_name() -> None:
    def twice(one: Size, two: Size) -> None: ...

    with pytest.raises(ValueError, match="duplicate"):
        grouped(twice)
