"""The boundary of the program: exit codes, and errors as two lines."""

import errno
import os
import re
import sys
from contextlib import suppress
from typing import Any

import typer

from attn_cli.cli.help.helpful import examples
from attn_cli.errors import AttnError
from attn_cli.sources.documents.files import forget_read

EXAMPLE = '"Transformers are amazing"'
LONGEST = 500


def run(arguments: list[str]) -> int:
    """Run the command line and return its exit code; only KeyboardInterrupt goes further."""
    stdout = sys.stdout
    forget_read()
    try:
        for stream in (sys.stdout, sys.stderr):
            if hasattr(stream, "reconfigure"):
                stream.reconfigure(errors="backslashreplace")  # writes what is still unwritten
        try:
            return _call(arguments)
        finally:
            sys.stdout = stdout  # Typer wraps it when a pipe is closed
            if stdout is not None:
                stdout.flush()
    except AttnError as error:
        return _complain(error.message, error.hint, error.exit_code)
    except typer.TyperException as error:
        return _complain(*_usage(error, arguments), error.exit_code)
    except OSError as error:
        return _output_failed(error)
    except MemoryError:
        return _complain("not enough memory", "choose a shorter text, a smaller --dim, or fewer stages with --stage", 1)
    except Exception as error:
        return _internal(error)


def _call(arguments: list[str]) -> int:
    """Call the app and return its exit code; raise the errors that Typer turns into exits of its own."""
    from typer.main import get_command

    from attn_cli.cli.app import COMMANDS, app_of

    if arguments[:1] == ["help"]:  # attn help why is attn why --help
        arguments = [*(name for name in arguments[1:] if name != "help"), "--help"]
    asked = arguments[:1] if set(arguments[:1]) & set(COMMANDS) else COMMANDS
    outline = not set(arguments) - {"-h", "--help"} and "_ATTN_COMPLETE" not in os.environ
    try:
        code = get_command(app_of(asked, outline=outline)).main(args=arguments, prog_name="attn", standalone_mode=False)
    except typer.Abort as abort:
        if isinstance(abort.__cause__, EOFError):
            raise abort.__cause__ from None
        return 1
    except SystemExit as leaving:
        if isinstance(leaving.__context__, OSError):
            raise leaving.__context__ from None
        code = leaving.code
    if code == 130:
        raise KeyboardInterrupt
    return code if isinstance(code, int) else 0


def _usage(error: typer.TyperException, arguments: list[str]) -> tuple[str, str]:
    """The message for a wrong command line, in Typer's words, and a hint at what to type instead."""
    context: Any = getattr(error, "ctx", None)
    named = next((argument for argument in arguments if not argument.startswith("-")), "")
    path = context.command_path if context else f"attn {named}".rstrip()
    command: Any = context.command if context else _command(named)
    example = next(iter(examples(command)), f"{path} {EXAMPLE}")
    if "unexpected extra argument" in error.message and any(p.name == "text" for p in getattr(command, "params", ())):
        return error.message, f"quote the text: {example}"
    if (option := getattr(error, "option_name", None)) is not None and command is not None:
        from attn_cli.cli.help.guesses import option_hint, value_hint

        if hasattr(error, "possibilities"):
            return error.message, option_hint(option, command, path)
        if hint := value_hint(option, command):
            return error.message, hint
    message = re.sub(r"^Invalid value for '(\S+)': ", r"\1: ", error.format_message())
    if hasattr(command, "commands"):
        from attn_cli.cli.help.guesses import command_hint

        message = message.partition(". Did you mean ")[0].removesuffix(".")
        near = command_hint(message.partition("'")[2].removesuffix("'"), command.commands)
        return message, near or f"{path} --help lists the commands; a text needs one: {path} explain {EXAMPLE}"
    if message.startswith("Missing") and examples(command):
        return message, f"such as {example}"
    return message, f"{path} --help lists the options"


def _command(name: str) -> Any:
    """A command by its name, None where there is none."""
    from typer.main import get_command

    from attn_cli.cli.app import COMMANDS, app_of

    group: Any = get_command(app_of(COMMANDS))
    return getattr(group, "commands", {}).get(name)


def _output_failed(error: OSError) -> int:
    """The exit code where standard output is full or closed; a reader that closed the pipe is no error."""
    if error.filename is not None:  # an error of a file, which the code that reads or writes it should have explained
        return _internal(error)
    with suppress(OSError, ValueError, AttributeError):
        # Discard what is still unwritten, or Python would fail once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if error.errno == errno.EPIPE:
        return 0
    return _complain(f"cannot write standard output: {error.strerror}", "write to a file with -o FILE", 1)


def _internal(error: Exception) -> int:
    """Report a bug of ours in one line, or with its traceback where ATTN_DEBUG is set."""
    if os.environ.get("ATTN_DEBUG", "0") not in ("", "0"):
        import traceback

        _print_error(traceback.format_exc().rstrip())
    else:
        what = one_line(f"{type(error).__name__}: {error}")
        _print_error(f"attn: internal error: {what} (ATTN_DEBUG=1 shows the traceback)")
    return 70


def _complain(message: str, hint: str, code: int) -> int:
    _print_error(f"attn: {one_line(message)}\n  hint: {one_line(hint)}")
    return code


def _print_error(text: str) -> None:
    """Print on standard error, if it is neither closed nor full."""
    if sys.stderr is not None:
        with suppress(OSError):
            print(text, file=sys.stderr, flush=True)


def one_line(text: str) -> str:
    """One line of text that is safe to print, as on every screen; a long text is cut off."""
    from attn_cli.views.drawing.text import safe  # only errors need it

    shown = safe(text[: LONGEST + 1])
    return shown if len(shown) <= LONGEST else shown[: LONGEST - 1] + "…"
