"""Files that are whole or not there, and what a stream can show."""

import io
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from attn_cli.cli.output import color_system, width, write_file
from attn_cli.errors import AttnError

unix = pytest.mark.skipif(os.name != "posix", reason="permission bits and devices are Unix")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "COLORTERM", "COLUMNS", "TERM"):
        monkeypatch.delenv(name, raising=False)


def test_a_file_is_written_and_written_over(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    for data in (b"long one", b"two"):
        write_file(str(path), data)
        assert path.read_bytes() == data
    assert os.listdir(tmp_path) == ["a.json"]


def test_a_bare_name_goes_to_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_file("a.json", b"x")
    assert os.listdir(tmp_path) == ["a.json"]


@unix
def test_a_new_file_follows_the_umask_and_an_old_one_keeps_its_bits(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_file(str(tmp_path / "new"), b"x")
    finally:
        os.umask(before)
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o640
    (tmp_path / "new").chmod(0o604)
    write_file(str(tmp_path / "new"), b"y")
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o604


@unix
@pytest.mark.parametrize("there", [True, False])
def test_a_link_stays_a_link_and_its_target_is_written(tmp_path: Path, there: bool) -> None:
    (tmp_path / "far").mkdir()
    target = tmp_path / "far" / "target"
    if there:
        target.write_bytes(b"old")
    (tmp_path / "link").symlink_to("far/target")
    write_file(str(tmp_path / "link"), b"new")
    assert (tmp_path / "link").is_symlink()
    assert target.read_bytes() == b"new"


@pytest.mark.parametrize(
    ("path", "why"), [("no/a", "No such file"), (".", "Is a directory"), ("new/", "Is a directory"), ("f/a", "Not a")]
)
def test_a_path_that_cannot_be_written_says_why_and_leaves_nothing(tmp_path: Path, path: str, why: str) -> None:
    (tmp_path / "f").write_bytes(b"")
    with pytest.raises(AttnError, match=why) as caught:
        write_file(f"{tmp_path}/{path}", b"x")
    assert caught.value.hint
    assert os.listdir(tmp_path) == ["f"]


@unix
def test_a_file_that_may_not_be_written_is_not_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"mine")
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(AttnError, match="Permission denied"):
        write_file(str(path), b"x")
    assert path.read_bytes() == b"mine"


@unix
def test_a_file_that_grows_too_large_leaves_the_old_one_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"mine")
    code = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "from attn_cli.cli.output import write_file\n"
        "from attn_cli.errors import AttnError\n"
        "try: write_file(sys.argv[1], bytes(2000))\n"
        "except AttnError as error: print(error.message)"
    )
    run = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    assert "File too large" in run.stdout
    assert path.read_bytes() == b"mine"
    assert os.listdir(tmp_path) == ["a"]


@unix
def test_an_interruption_leaves_no_temporary_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_file(str(tmp_path / "a"), b"x")
    assert os.listdir(tmp_path) == []


@unix
@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_device_is_written_to_and_stays_a_device() -> None:
    write_file(os.devnull, b"x")
    assert not os.path.isfile(os.devnull)
    with pytest.raises(AttnError, match="No space left"):
        write_file("/dev/full", b"x")


COLOURS = [
    ("auto", False, {}, None),
    ("auto", True, {}, "standard"),
    ("auto", True, {"TERM": "dumb"}, None),
    ("auto", True, {"TERM": "xterm-256color"}, "256"),
    ("auto", True, {"TERM": "xterm-256color", "COLORTERM": "truecolor"}, "truecolor"),
    ("auto", True, {"NO_COLOR": "1", "FORCE_COLOR": "1"}, None),
    ("auto", True, {"NO_COLOR": ""}, "standard"),
    ("auto", False, {"FORCE_COLOR": "1"}, "standard"),
    ("auto", False, {"FORCE_COLOR": "0"}, None),
    ("auto", False, {"FORCE_COLOR": ""}, None),
    ("always", False, {"NO_COLOR": "1", "COLORTERM": "24bit"}, "truecolor"),
    ("never", True, {"FORCE_COLOR": "1"}, None),
]


@pytest.mark.parametrize(("choice", "terminal", "environment", "system"), COLOURS)
def test_colour_is_decided_by_the_flag_then_the_environment_then_the_terminal(
    choice: str, terminal: bool, environment: dict[str, str], system: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert color_system(choice, Terminal() if terminal else io.StringIO()) == system


def test_a_file_gets_colour_only_if_asked() -> None:
    assert color_system("auto", None) is None
    assert color_system("always", None) == "standard"


@pytest.mark.parametrize(("columns", "wide"), [("120", 120), ("0", 80), ("-5", 80), ("wide", 80), ("", 80)])
def test_width_is_columns_where_that_is_a_positive_number(
    columns: str, wide: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    assert width(io.StringIO()) == width(None) == wide


@unix
def test_width_is_that_of_the_terminal() -> None:
    pty = pytest.importorskip("pty")
    termios = pytest.importorskip("termios")
    leader, follower = pty.openpty()
    with open(follower, "w", encoding="utf-8") as stream:
        termios.tcsetwinsize(follower, (24, 97))
        assert width(stream) == 97
        termios.tcsetwinsize(follower, (0, 0))
        assert width(stream) == 80
    os.close(leader)


@unix
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
@pytest.mark.parametrize("when", ["chmod", "replace"])
def test_a_signal_leaves_no_temporary_file_and_still_ends_the_process(tmp_path: Path, name: str, when: str) -> None:
    (tmp_path / "a").write_bytes(b"mine")
    code = (
        "import os, signal, sys, time\n"
        "from attn_cli.cli.output import write_file\n"
        # a program that nohup or a shell starts in the background ignores some signals, and so do its children
        f"signal.signal(signal.{name}, signal.SIG_DFL)\n"
        "def stopped(*_):\n"
        f"    os.kill(os.getpid(), signal.{name})\n"
        "    time.sleep(20)\n"
        f"setattr(os, {when!r}, stopped)\n"
        "write_file(sys.argv[1], bytes(2000))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "a")], capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (-getattr(signal, name), b"", b"")
    assert (os.listdir(tmp_path), (tmp_path / "a").read_bytes()) == (["a"], b"mine")


@unix
def test_signals_are_as_they_were_after_a_file_is_written(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGTERM)
    write_file(str(tmp_path / "a"), b"x")
    assert signal.getsignal(signal.SIGTERM) is before
