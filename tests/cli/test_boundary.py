"""The boundary, around small apps that go wrong in every way."""

import subprocess
import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Annotated

import pytest
import typer

from attn_cli.cli.boundary import one_line, run
from attn_cli.errors import DocumentError, UsageError


def app_that(does: Callable[[], object]) -> typer.Typer:
    """An app like the real one, whose `explain` does this."""
    app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False)

    @app.command()
    def explain(text: Annotated[str | None, typer.Argument()] = None, head: int = 0) -> object:
        return does()

    @app.command()
    def schema(name: str) -> None: ...

    return app


@pytest.fixture
def outcome(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, list[str]]]:
    monkeypatch.delenv("ATTN_DEBUG", raising=False)

    def of(does: Callable[[], object], *arguments: str) -> tuple[int, str, list[str]]:
        monkeypatch.setitem(
            sys.modules,
            "attn_cli.cli.app",
            SimpleNamespace(COMMANDS=(), app_of=lambda _, outline=False: app_that(does)),
        )
        code = run(list(arguments or ["explain"]))
        output = capsys.readouterr()
        return code, output.out, output.err.splitlines()

    return of


Outcome = Callable[..., tuple[int, str, list[str]]]


def raising(error: BaseException) -> Callable[[], object]:
    def does() -> object:
        raise error

    return does


def nothing() -> None: ...


USAGE = [
    (["explain", "are", "amazing"], "Got unexpected extra argument(s) (amazing)", "quote the text: attn explain "),
    (["schema", "a", "b"], "Got unexpected extra argument(s) (b)", "attn schema --help lists the options"),
    (["expain"], "No such command 'expain'", "did you mean 'explain'?"),
    (["Hello world"], "No such command 'Hello world'", "attn --help lists the commands; a text needs one: "),
    (["explain", "--haed", "1"], "No such option: --haed", "did you mean --head"),
    (["explain", "--zzzz"], "No such option: --zzzz", "attn explain --help lists the options"),
    (["explain", "--head", "x"], "--head: 'x' is not a valid", "attn explain --help lists"),
    (["schema"], "Missing argument 'name'.", "attn schema --help lists the options"),
]


@pytest.mark.parametrize(("arguments", "message", "hint"), USAGE)
def test_a_wrong_command_line_exits_2_and_says_what_to_type(
    outcome: Outcome, arguments: list[str], message: str, hint: str
) -> None:
    code, out, lines = outcome(nothing, *arguments)
    assert (code, out, len(lines)) == (2, "", 2)
    assert lines[0].startswith(f"attn: {message}")
    assert lines[1].startswith(f"  hint: {hint}")


def test_our_errors_have_their_exit_code_and_two_lines(outcome: Outcome) -> None:
    error = DocumentError("a\nb: \x1b[31m\u202e", hint="fix it")
    assert outcome(raising(error)) == (1, "", ["attn: a\\nb: \\x1b[31m\\u202e", "  hint: fix it"])
    assert outcome(raising(UsageError("x", hint="y")))[0] == 2


def test_what_a_command_returns_or_leaves_with_is_the_exit_code(outcome: Outcome) -> None:
    assert outcome(nothing) == (0, "", [])
    assert outcome(lambda: 3) == (3, "", [])
    assert outcome(raising(typer.Exit(3))) == (3, "", [])
    assert outcome(raising(typer.Abort()))[0] == 1


@pytest.mark.parametrize(
    "error", [ValueError("odd\nthing"), EOFError("odd\nthing"), FileNotFoundError(2, "odd\nthing", "f")]
)
def test_a_bug_of_ours_exits_70_in_one_line(outcome: Outcome, error: Exception) -> None:
    code, out, lines = outcome(raising(error))
    assert (code, out) == (70, "")
    assert lines[-1].startswith(f"attn: internal error: {type(error).__name__}: ")
    assert "odd\\nthing" in lines[-1]
    assert lines[-1].endswith("(ATTN_DEBUG=1 shows the traceback)")
    assert [line for line in lines[:-1] if line] == []


def test_a_bug_of_ours_shows_its_traceback_to_who_asks(outcome: Outcome, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATTN_DEBUG", "1")
    code, _, lines = outcome(raising(ValueError("odd")))
    assert (code, lines[0], lines[-1]) == (70, "Traceback (most recent call last):", "ValueError: odd")


def test_too_little_memory_is_no_bug(outcome: Outcome) -> None:
    code, _, lines = outcome(raising(MemoryError()))
    assert (code, len(lines)) == (1, 2)


def test_an_interruption_goes_on_to_the_program(outcome: Outcome) -> None:
    with pytest.raises(KeyboardInterrupt):
        outcome(raising(KeyboardInterrupt()))


def test_a_long_text_is_cut_off_and_a_plain_one_is_left() -> None:
    assert one_line("é 猫 a\\b") == "é 猫 a\\b"
    assert len(one_line("\0" * 10_000)) == 500
    assert one_line("a" * 501).endswith("a…")


PROGRAM = """
import sys, types, typer
app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False)
@app.command()
def explain(): {body}
@app.callback()
def attn(): ...
sys.modules["attn_cli.cli.app"] = types.SimpleNamespace(COMMANDS=(), app_of=lambda _, outline=False: app)
sys.argv = ["attn", "explain"]
from attn_cli.__main__ import main
main()
"""
BODIES = {"echo": 'typer.echo("a" * 100_000)', "print": 'print("a")'}
BODIES["bytes"] = "from attn_cli.cli.output import write_stdout; write_stdout(bytes(100_000))"


def command_line(body: str) -> list[str]:
    return [sys.executable, "-c", PROGRAM.format(body=body)]


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_a_reader_that_has_left_is_no_error(body: str) -> None:
    with subprocess.Popen(command_line(body), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0


@pytest.mark.skipif(sys.platform != "linux", reason="needs /dev/full")
@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_a_full_disk_behind_standard_output_is_said_in_two_lines(body: str) -> None:
    with open("/dev/full", "wb") as full:
        done = subprocess.run(command_line(body), stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.splitlines()[0] == "attn: cannot write standard output: No space left on device"
    assert len(done.stderr.splitlines()) == 2


def test_an_ascii_standard_output_escapes_what_it_cannot_say() -> None:
    done = subprocess.run(
        command_line('print("é")'), capture_output=True, check=False, env={"PYTHONIOENCODING": "ascii"}
    )
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, b"\\xe9", b"")


@pytest.mark.parametrize("body", ["raise KeyboardInterrupt", 'print("a"); raise KeyboardInterrupt'])
def test_an_interruption_exits_130(body: str) -> None:
    done = subprocess.run(command_line(body), capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (130, b"attn: interrupted\n")


def test_an_interruption_during_an_import_exits_130() -> None:
    code = (
        "import sys\n"
        "class Finder:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name == 'typer': raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, Finder())\n"
        "sys.argv = ['attn']\n"
        "from attn_cli.__main__ import main\n"
        "main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (130, b"attn: interrupted\n")


def test_the_version_imports_nothing_slow() -> None:
    code = "import sys; sys.argv = ['attn', '--version']\nfrom attn_cli.__main__ import main\nmain()\n"
    code += "print([name for name in ('typer', 'numpy', 'rich', 'inspect') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "attn 0.1.0\n[]\n"


def test_the_help_imports_neither_numpy_nor_rich() -> None:
    code = "import sys\nfrom attn_cli.cli.boundary import run\ncode = run(['--help'])\n"
    code += "print(code, [name for name in ('numpy', 'rich') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("0 []\n")
