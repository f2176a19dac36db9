"""Names of models, against a hub on this machine."""

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from attn_cli.errors import DocumentError
from attn_cli.models.hub import found

pytest.importorskip("huggingface_hub")
SAMPLE = Path(__file__).parents[2] / "samples" / "known-heads"
COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub(BaseHTTPRequestHandler):
    """Serves the sample as `me/known`, breaks off in `me/broken`, refuses `me/closed`."""

    def do_HEAD(self) -> None:
        self.answer(body=False)

    def do_GET(self) -> None:
        self.answer(body=True)

    def answer(self, *, body: bool) -> None:
        _, owner, name, _, _, *rest = [*self.path.split("/"), "", "", ""]
        file = SAMPLE / "/".join(part for part in rest if part)
        if (owner, name) == ("me", "closed"):
            return self.refuse(401, "RepoNotFound")
        if owner != "me" or not file.is_file():
            return self.refuse(404, "EntryNotFound" if owner == "me" else "RepoNotFound")
        data = file.read_bytes()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("ETag", f'"{file.name}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.end_headers()
        if body:
            cut = len(data) // 2 if name == "broken" and file.suffix == ".safetensors" else len(data)
            self.wfile.write(data[:cut])
        return None

    def refuse(self, code: int, why: str) -> None:
        self.send_response(code)
        self.send_header("X-Error-Code", why)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None: ...


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def attn(model: str, home: Path, endpoint: str, **more: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "HF_HOME": str(home), "HF_ENDPOINT": endpoint, "HF_HUB_DISABLE_XET": "1", **more}
    arguments = ["heatmap", "-m", model, "the cat", "--layer", "0", "--head", "0", "--json"]
    # The library waits between its tries; nobody has to wait here.
    program = "import time; time.sleep = lambda _: None\nfrom attn_cli.__main__ import main; main()"
    command = [sys.executable, "-c", program, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=env)


def test_a_name_is_fetched_once_and_then_found_in_the_cache(tmp_path: Path, endpoint: str) -> None:
    first = attn("me/known", tmp_path, endpoint)
    assert (first.returncode, first.stdout[:24]) == (0, '{"format":"attn.trace","')
    offline = attn("me/known", tmp_path, "http://127.0.0.1:9", HF_HUB_OFFLINE="1")
    assert (offline.returncode, offline.stdout) == (0, first.stdout)
    fetched = {path.name for path in tmp_path.rglob("*") if path.is_symlink()}
    assert fetched == {"config.json", "model.safetensors", "tokenizer.json"}


def test_half_a_snapshot_is_completed_or_named(tmp_path: Path, endpoint: str) -> None:
    whole = attn("me/known", tmp_path, endpoint)
    for path in tmp_path.rglob("model.safetensors"):
        path.unlink()
    offline = attn("me/known", tmp_path, endpoint, HF_HUB_OFFLINE="1")
    assert (offline.returncode, offline.stdout, len(offline.stderr.splitlines())) == (1, "", 2)
    assert "model.safetensors" in offline.stderr
    assert attn("me/known", tmp_path, endpoint).stdout == whole.stdout


@pytest.mark.parametrize("model", ["nobody/here", "me/closed", "me/broken"])
def test_a_hub_that_refuses_or_breaks_off_is_said_in_two_lines(model: str, tmp_path: Path, endpoint: str) -> None:
    done = attn(model, tmp_path, endpoint)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (1, "", 2)
    assert done.stderr.startswith(f"attn: {model}: ")


def test_no_hub_at_all_is_said_in_two_lines(tmp_path: Path) -> None:
    done = attn("me/known", tmp_path, "http://127.0.0.1:9")
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (1, "", 2)


def test_what_exists_or_looks_like_a_path_is_never_a_name(tmp_path: Path) -> None:
    shutil.copytree(SAMPLE, tmp_path / "gpt2")
    assert found(str(tmp_path / "gpt2")) == str(tmp_path / "gpt2")
    for path in ("./no/gpt2", "/no/gpt2", "~/no/gpt2", "a/b/c"):
        with pytest.raises(DocumentError, match="no such folder"):
            found(path)
    with pytest.raises(DocumentError, match="is a file"):
        found(str(SAMPLE / "config.json"))
