"""Wrong guesses at options and commands are answered with the right one."""

from typing import Any

import pytest
from typer.main import get_command

from attn_cli.cli import app
from attn_cli.cli.help import guesses
from tests.cli.conftest import Attn

GROUP: Any = get_command(app.app_of())
HAVING = {
    name: {option for parameter in command.params for option in parameter.opts}
    for name, command in GROUP.commands.items()
}

GUESSED = [
    ("explain", "--causal", "--mask causal?"),
    ("explain", "--sliding", "--mask sliding:?"),
    ("explain", "--window", "--mask sliding:WINDOW?"),
    ("explain", "--alibi", "--positions alibi?"),
    ("explain", "--float32", "--dtype float32?"),
    ("explain", "--layers", "--layer LAYERS?"),
    ("explain", "--stages", "--stage NAMES?"),
    ("explain", "--num_heads", "--heads N?"),
    ("explain", "--haed", "--head?"),
    ("explain", "--HEADS", "--heads?"),
    ("explain", "--csv", "--format csv?"),
    ("explain", "--out", "--output FILE?"),
    ("explain", "--scores", "--stage scores?"),
    ("explain", "--q", "--stage Q?"),
    ("explain", "--no-color", "--color never?"),
    ("heatmap", "--rollout", "--aggregate rollout?"),
    ("heatmap", "--cividis", "--palette cividis?"),
    ("heads", "--ablation", "--by ablation?"),
    ("heads", "--metric", "--by METRIC?"),
    ("explain", "--ablate", "--without-head HEAD?"),
    ("why", "--to", "--key TOKEN?"),
    ("compare", "--eps", "--tolerance NUMBER?"),
    ("check", "--causal", "--mask causal?"),
    ("explain", "--query", "--query is an option of attn why and attn read"),
    ("explain", "--tolerance", "--tolerance is an option of attn compare"),
    ("check", "--heads", "--heads is an option of attn explain, attn heatmap and others"),
    ("explain", "--xyzzy", "attn explain --help lists the options"),
]


@pytest.mark.parametrize(("command", "option", "hint"), GUESSED, ids=[" ".join(guess[:2]) for guess in GUESSED])
def test_an_option_that_does_not_exist_names_the_one_that_was_meant(
    call: Attn, command: str, option: str, hint: str
) -> None:
    for arguments in ([command, "x", option], [command, option, "1", "x"], [command, f"{option}=1"]):
        ran = call(*arguments)
        ran.complains(2, f"No such option: {option}", hint)
        assert ran.errors.endswith(f"{hint}\n")


@pytest.mark.parametrize("known", guesses.OPTIONS)
def test_every_name_from_other_programs_leads_to_an_option_that_exists(call: Attn, known: str) -> None:
    option = known.partition(" ")[0]
    command = next(name for name, options in HAVING.items() if option in options)
    for word in guesses.OPTIONS[known].split():
        assert f"--{word}" not in HAVING[command]
        call(command, "x", f"--{word}").complains(2, "did you mean --")


def test_no_name_from_other_programs_means_two_options() -> None:
    words = " ".join(guesses.OPTIONS.values()).split()
    assert len(words) == len(set(words))


@pytest.mark.parametrize(("typed", "command"), [("plot", "heatmap"), ("diff", "compare"), ("expain", "explain")])
def test_a_command_that_does_not_exist_names_the_one_that_was_meant(call: Attn, typed: str, command: str) -> None:
    call(typed, "a b").complains(2, f"No such command '{typed}'", f"did you mean '{command}'?")
    call("help", typed).complains(2, f"did you mean '{command}'?")


@pytest.mark.parametrize("known", guesses.COMMANDS)
def test_every_other_name_of_a_command_leads_to_one_that_exists(call: Attn, known: str) -> None:
    for word in guesses.COMMANDS[known].split():
        call(word).complains(2, f"did you mean '{known}'?")


def test_an_option_without_its_value_says_what_it_takes(call: Attn) -> None:
    call("explain", "a b", "--mask").complains(2, "--mask MASK: ", "causal[:end|start]", "chunked:SIZE")
    call("why", "a b", "--query").complains(2, "--query TOKEN: ")
    call("explain", "a b", "-o").complains(2, "-o FILE: ")


@pytest.mark.parametrize("command", app.COMMANDS)
def test_help_with_a_command_is_the_help_of_that_command(call: Attn, command: str) -> None:
    assert call("help", command).code == 0
    assert call("help", command) == call(command, "--help")


def test_help_alone_is_the_help_of_the_program(call: Attn) -> None:
    assert call("help") == call("--help") == call("help", "help") == call("help", "--help")
    assert "explain" in call("help").out


def test_v_is_the_version(call: Attn, attn: Attn) -> None:
    assert attn("-V") == attn("--version") == call("-V") == call("--version")
