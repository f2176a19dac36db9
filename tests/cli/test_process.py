"""The program as its users meet it: a process with streams, signals, a terminal and an environment."""

import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tests.cli.conftest import CLEAN, EXAMPLE, Attn

PROGRAM = [sys.executable, "-m", "attn_cli"]
unix = pytest.mark.skipif(os.name != "posix", reason="needs Unix terminals and signals")

REFUSED = [
    (["explain"], b"", 1),
    (["explain", "-"], b" \n", 1),
    (["explain", "-w", "gone.json"], b"", 1),
    (["heatmap", "-w", "-"], b"\0\1\2", 1),
    (["why", "a b", "--query", "\x1b[31m"], b"", 1),
    (["explain", "a", "b"], b"", 2),
    (["compare", "-", "-"], b"", 2),
    (["a sentence"], b"", 2),
]


@pytest.mark.parametrize(("arguments", "stdin", "code"), REFUSED)
def test_an_error_is_two_lines_on_standard_error(attn: Attn, arguments: list[str], stdin: bytes, code: int) -> None:
    ran = attn(*arguments, stdin=stdin)
    ran.complains(code)
    assert "\x1b" not in ran.errors


@unix
@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["explain"], 1, b"there is no text"),
        (["explain", "-"], 2, b"terminal"),
        (["heatmap", "-w", "-"], 2, b"terminal"),
    ],
)
def test_a_terminal_on_standard_input_is_not_waited_for(arguments: list[str], code: int, message: bytes) -> None:
    pty = pytest.importorskip("pty")
    leader, follower = pty.openpty()
    done = subprocess.run(
        [*PROGRAM, *arguments], stdin=follower, capture_output=True, env=CLEAN, check=False, timeout=30
    )
    os.close(leader)
    os.close(follower)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (code, b"", 2)
    assert message in done.stderr


@unix
@pytest.mark.parametrize(
    ("env", "colored"), [({"TERM": "xterm-256color"}, True), ({"TERM": "dumb"}, False), ({"NO_COLOR": "1"}, False)]
)
def test_a_terminal_gets_its_width_and_its_colors(env: dict[str, str], colored: bool) -> None:
    pty, termios = pytest.importorskip("pty"), pytest.importorskip("termios")
    leader, follower = pty.openpty()
    termios.tcsetwinsize(follower, (24, 61))
    with subprocess.Popen([*PROGRAM, "heatmap", EXAMPLE], stdout=follower, env=CLEAN | env) as process:
        os.close(follower)
        seen = _all_of(leader)
    os.close(leader)
    assert process.returncode == 0
    assert (b"\x1b[" in seen) is colored
    plain = re.sub(r"\x1b\[[0-9;]*m", "", seen.decode()).splitlines()
    assert 40 < max(map(len, plain)) <= 61


def _all_of(leader: int) -> bytes:
    seen = b""
    while True:
        try:
            part = os.read(leader, 65536)
        except OSError:  # how Linux says that the other side has closed
            return seen
        if not part:
            return seen
        seen += part


@unix
def test_numbers_in_bytes_are_not_for_a_terminal() -> None:
    pty = pytest.importorskip("pty")
    leader, follower = pty.openpty()
    command = [*PROGRAM, "explain", "a b", "-f", "npz"]
    done = subprocess.run(command, stdout=follower, stderr=subprocess.PIPE, env=CLEAN, check=False)
    os.close(follower)
    assert _all_of(leader) == b""
    os.close(leader)
    assert (done.returncode, b"-o trace.npz" in done.stderr) == (2, True)


@unix
@pytest.mark.parametrize("form", ["terminal", "json", "npz"])
def test_a_reader_that_leaves_early_is_no_error(form: str) -> None:
    words = " ".join(f"w{i}" for i in range(300))
    command = [*PROGRAM, "explain", words, "--full", "-f", form]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=CLEAN) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.read(10)
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
@pytest.mark.parametrize("arguments", [["explain", "a b"], ["explain", "a b", "--json"], ["--help"], ["--version"]])
def test_a_full_disk_is_said_in_two_lines(arguments: list[str]) -> None:
    with open("/dev/full", "wb") as full:
        done = subprocess.run([*PROGRAM, *arguments], stdout=full, stderr=subprocess.PIPE, env=CLEAN, check=False)
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 2)
    assert b"No space left on device" in done.stderr


# A shell makes programs that it starts in the background ignore SIGINT, and their children likewise.
HEEDS_INTERRUPTIONS = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from attn_cli.__main__ import main
main()
"""


@unix
def test_an_interruption_exits_130_and_leaves_no_file(tmp_path: Path) -> None:
    pipe = tmp_path / "slow.json"
    os.mkfifo(pipe)
    command = [sys.executable, "-c", HEEDS_INTERRUPTIONS, "explain", "-w", str(pipe), "-o", str(tmp_path / "x.json")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=CLEAN)
    with process, open(pipe, "wb"):  # opens when the program does
        while process.poll() is None:  # a signal just before a read that blocks is seen only after it
            process.send_signal(signal.SIGINT)
            time.sleep(0.1)
        out, errors = process.communicate(timeout=30)
    assert (process.returncode, out, errors) == (130, b"", b"attn: interrupted\n")
    assert os.listdir(tmp_path) == ["slow.json"]


ASCII = {"PYTHONIOENCODING": "ascii", "LC_ALL": "C"}


@pytest.mark.parametrize(
    "arguments",
    [
        ["explain", "café 猫 שלום", "--mask", "causal"],
        ["why", "café 猫", "--query", "0", "--key", "1"],
        ["compare", "café", "cafe"],
        ["explain", "--help"],
    ],
)
def test_an_ascii_screen_can_be_read(attn: Attn, arguments: list[str]) -> None:
    ran = attn(*arguments, env=ASCII)
    assert (ran.code in (0, 3), ran.errors) == (True, "")
    assert ran.data.isascii()
    if arguments[0] != "explain" or "--help" not in arguments:
        assert "caf\\xe9" in ran.out
    assert not re.search(r"\\u[0-9a-f]{4}", ran.out.replace("\\u732b", "").replace("\\u05", ""))


def test_an_ascii_screen_can_read_an_error(attn: Attn) -> None:
    attn("why", "café", "--query", "猫", env=ASCII).complains(1, "\\u732b", "caf\\xe9")


def test_the_program_alone_says_what_it_does(attn: Attn) -> None:
    matrix_stage = attn()
    assert (matrix_stage.code, matrix_stage.errors) == (0, "")
    assert matrix_stage.out.index("attn explain") < matrix_stage.out.index("Commands:")
    assert attn("-h") == attn("--help") == matrix_stage


def test_the_version(attn: Attn) -> None:
    assert re.fullmatch(r"attn \d+\.\d+\.\d+\n", attn("--version").out)


def test_standard_output_is_the_same_bytes_each_time(attn: Attn) -> None:
    first = attn("explain", EXAMPLE, "--mask", "causal", "--heads", "2", env={"PYTHONHASHSEED": "1"})
    assert first == attn("explain", EXAMPLE, "--mask", "causal", "--heads", "2", env={"PYTHONHASHSEED": "2"})


def test_a_pipe_of_two_programs(attn: Attn) -> None:
    trace = attn("explain", EXAMPLE, "--mask", "causal", "--json")
    assert attn("explain", "-w", "-", "--json", stdin=trace.data).data == trace.data
    picture = attn("heatmap", "-w", "-", stdin=trace.data)
    assert (picture.code, picture.errors) == (0, "")
    assert "Transformers" in picture.out


def test_a_file_that_the_run_reads_is_not_overwritten(attn: Attn, tmp_path: Path) -> None:
    document = b'{"weights": [[1, 0], [0.5, 0.5]]}'
    (tmp_path / "a.json").write_bytes(document)
    (tmp_path / "link.json").symlink_to("a.json")
    for command in (["explain", "-w"], ["heads", "-w"], ["check"], ["why", "--query", "0", "-w"]):
        for target in ("a.json", "./a.json", "link.json"):
            ran = attn(*command, "a.json", "-o", target)
            ran.complains(2, "is an input of this run")
    attn("compare", "a.json", "a.json", "-o", "a.json").complains(2, "is an input of this run")
    assert (tmp_path / "a.json").read_bytes() == document
    assert attn("explain", "-w", "a.json", "-o", "b.json").code == 0


@unix
@pytest.mark.parametrize(
    ("line", "code", "message"),
    [
        ("explain 'a b' -f npz >&-", 1, "cannot write standard output"),
        ("explain 'a b' >&-", 1, "cannot write standard output"),
        ("explain - <&-", 2, "reads standard input, which is closed"),
        ("check - <&-", 2, "reads standard input, which is closed"),
        ("explain -w /dev/zero", 1, "/dev/zero: is a device that goes on after 1,000,000 bytes"),
        ("check /dev/zero", 1, "/dev/zero: is a device that goes on"),
        ("explain - < /dev/zero", 1, "standard input: is a device that goes on"),
        ("heads -w - < /dev/zero", 1, "standard input: is a device that goes on"),
        ("heatmap -w - --max-bytes 3 < long.json", 1, "standard input: holds more than 3 bytes"),
        ("check long.json --max-bytes 3", 1, "long.json: holds more than 3 bytes"),
        ("explain a --max-bytes 3", 2, "--max-bytes cannot act here: there is no document"),
    ],
)
def test_streams_that_are_closed_or_never_end_are_refused(tmp_path: Path, line: str, code: int, message: str) -> None:
    (tmp_path / "long.json").write_bytes(b'{"weights": [[1]]}')
    command = f"{shlex.join(PROGRAM)} {line}"
    done = subprocess.run(command, shell=True, capture_output=True, cwd=tmp_path, env=CLEAN, check=False, timeout=30)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (code, b"", 2)
    assert message in done.stderr.decode()


@unix
def test_a_pipe_of_something_else_is_not_read_to_its_end(tmp_path: Path) -> None:
    command = f"yes | {shlex.join(PROGRAM)} check -"
    done = subprocess.run(command, shell=True, capture_output=True, cwd=tmp_path, env=CLEAN, check=False, timeout=30)
    assert (done.returncode, b"is neither JSON" in done.stderr) == (1, True)


def test_numbers_that_overflow_print_no_warnings(attn: Attn, tmp_path: Path) -> None:
    np.save(tmp_path / "huge.npy", np.full((2, 2), 1e308))
    for command in (["heads", "-w"], ["heatmap", "-w"], ["check"], ["explain", "-w"], ["heads", "--atlas", "-w"]):
        ran = attn(*command, "huge.npy")
        assert "Warning" not in ran.errors
        assert ran.code in (0, 3)


def test_a_word_of_400_kilobytes_takes_linear_time(attn: Attn) -> None:
    start = time.monotonic()
    assert attn("explain", "-", stdin=b"x" * 400_000).code == 0
    assert time.monotonic() - start < 8
