"""Names of models, against a hub on this machine."""

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from attn_cli.errors import DocumentError
from attn_cli.models.gguf.tags import meant, models, some, tag_of
from attn_cli.models.hub import resolved

pytest.importorskip("huggingface_hub")
SAMPLE = Path(__file__).parents[2] / "samples" / "known-heads"
COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub(BaseHTTPRequestHandler):
    """Serves the sample as `me/known`, breaks off in `me/broken`, refuses `me/closed`; `me/files` holds GGUF files."""

    files: Path

    def do_HEAD(self) -> None:
        self.answer(body=False)

    def do_GET(self) -> None:
        self.answer(body=True)

    def answer(self, *, body: bool) -> None:
        if self.path.startswith("/api/models/me/files/tree/main"):
            return self.send(json.dumps([{"type": "file", "path": f, "size": 1, "oid": "0"} for f in FILES]).encode())
        _, owner, name, _, _, *rest = [*self.path.split("/"), "", "", ""]
        file = (self.files if name == "files" else SAMPLE) / "/".join(part for part in rest if part)
        if (owner, name) == ("me", "closed"):
            return self.refuse(401, "RepoNotFound")
        if owner != "me" or not file.is_file():
            return self.refuse(404, "EntryNotFound" if owner == "me" else "RepoNotFound")
        data = file.read_bytes()
        cut = len(data) // 2 if name == "broken" and file.suffix == ".safetensors" else len(data)
        return self.send(data, etag=file.name, cut=cut if body else 0)

    def send(self, data: bytes, *, etag: str = "list", cut: int | None = None) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("ETag", f'"{etag}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.end_headers()
        self.wfile.write(data[:cut])

    def refuse(self, code: int, why: str) -> None:
        self.send_response(code)
        self.send_header("X-Error-Code", why)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None: ...


PARTS = ["big/known-Q4_K_M-00001-of-00002.gguf", "big/known-Q4_K_M-00002-of-00002.gguf"]
FILES = ["README.md", *PARTS, "known-F32.gguf", "known-UD-Q4_K_M.gguf", "mmproj-F32.gguf", "other.Q8_0.gguf"]


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    Hub.files = tmp_path_factory.mktemp("files")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def attn(
    model: str, home: Path, endpoint: str, *, text: Sequence[str] = ("the cat",), **more: str
) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "HF_HOME": str(home), "HF_ENDPOINT": endpoint, "HF_HUB_DISABLE_XET": "1", **more}
    arguments = ["heatmap", "-m", model, *text, "--layer", "0", "--head", "0", "--json"]
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
    assert resolved(str(tmp_path / "gpt2")) == str(tmp_path / "gpt2")
    for path in ("./no/gpt2", "/no/gpt2", "~/no/gpt2", "a/b/c"):
        with pytest.raises(DocumentError, match="no such folder"):
            resolved(path)
    with pytest.raises(DocumentError, match="is a file"):
        resolved(str(SAMPLE / "config.json"))


@pytest.mark.parametrize(("model", "why"), [("me/files", "config.json"), ("me/files:Q5_K_M", "of no GGUF files")])
def test_a_repository_of_gguf_files_says_which_there_are(model: str, why: str, tmp_path: Path, endpoint: str) -> None:
    done = attn(model, tmp_path, endpoint)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (1, "", 2)
    assert why in done.stderr
    assert f"{PARTS[0]}, known-F32.gguf, known-UD-Q4_K_M.gguf, other.Q8_0.gguf\n" in done.stderr
    assert done.stderr.endswith("-m me/files:Q4_K_M\n")


def test_a_gguf_file_is_fetched_by_its_tag_with_all_of_its_parts(tmp_path: Path, endpoint: str) -> None:
    pytest.importorskip("gguf")
    from tests.models.converting import convert, split  # needs the package
    from tests.models.gguf.test_gguf import folder_of

    folder = folder_of("llama", tmp_path)
    convert(folder, Hub.files / "known-F32.gguf")
    (Hub.files / "big").mkdir()
    for part, name in zip(split(folder, tmp_path, 2), PARTS, strict=True):
        part.rename(Hub.files / name)
    ids, home = ("--ids", "5,17,3"), tmp_path / "home"
    whole = attn("me/files:f32", home, endpoint, text=ids)
    assert (whole.returncode, whole.stderr) == (0, "")
    parts = attn("me/files:Q4_K_M", home, endpoint, text=ids)
    layers = [json.loads(done.stdout)["layers"] for done in (whole, parts)]
    assert layers[0] == layers[1]
    for name in ("Q4_K_M", "F32", "known-F32.gguf", PARTS[1]):
        offline = attn(f"me/files:{name}", home, "http://127.0.0.1:9", text=ids, HF_HUB_OFFLINE="1")
        assert (offline.returncode, offline.stderr) == (0, "")
    missing = attn("me/files:Q8_0", home, "http://127.0.0.1:9", HF_HUB_OFFLINE="1")
    assert (missing.returncode, missing.stdout, len(missing.stderr.splitlines())) == (1, "", 2)


TAGS = {
    "Q4_K_M": [PARTS[0]],
    "q4_k_m": [PARTS[0]],
    "UD-Q4_K_M": ["known-UD-Q4_K_M.gguf"],
    "Q8_0": ["other.Q8_0.gguf"],
    "other.Q8_0.gguf": ["other.Q8_0.gguf"],
    "known-F32": ["known-F32.gguf"],
    "32": [],
    PARTS[1]: [PARTS[0]],
}


@pytest.mark.parametrize("tag", TAGS)
def test_what_a_tag_means_among_the_files_of_a_repository(tag: str) -> None:
    assert meant(models(FILES), tag) == TAGS[tag]


def test_a_tag_is_as_short_as_can_be_and_long_lists_are_cut_off() -> None:
    assert tag_of(["a-Q8_0.gguf", "b-Q8_0.gguf"]) == "a-Q8_0.gguf"
    assert tag_of(["a-Q8_0.gguf", "b-Q4_0.gguf"]) == "Q8_0"
    assert some([str(number) for number in range(7)]) == "0, 1, 2, 3, 4 and 2 more"
    assert models(FILES) == [PARTS[0], "known-F32.gguf", "known-UD-Q4_K_M.gguf", "other.Q8_0.gguf"]
