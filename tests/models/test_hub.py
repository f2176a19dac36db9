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
from typing import ClassVar

import pytest

from attn_cli.errors import DocumentError
from attn_cli.models.gguf.tags import models, some, tag_of, tagged
from attn_cli.models.hub import resolved

pytest.importorskip("huggingface_hub")
SAMPLE = Path(__file__).parents[2] / "samples" / "known-heads"
COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub(BaseHTTPRequestHandler):
    """A small hub: the sample as `me/known`, GGUF files as `me/files`, and what goes wrong by the owner's name.

    `me/broken` breaks off its weights; `status-503/…` answers everything with that status, `code-403-GatedRepo/…` also
    with that code; `gated-files/known` lists its files and refuses them; `silent/…` does not answer at all.
    """

    files: Path
    asked: ClassVar[list[str]] = []

    def do_HEAD(self) -> None:
        self.answer(body=False)

    def do_GET(self) -> None:
        self.answer(body=True)

    def answer(self, *, body: bool) -> None:
        self.asked.append(self.path)
        api = self.path.startswith("/api/models/")
        owner, name, *rest = [*self.path.removeprefix("/api/models").split("/")[1:], "", ""]
        if owner == "silent":
            self.rfile.read()  # until the client gives up
        elif owner.startswith(("status-", "code-")):
            _, status, *code = owner.split("-")
            self.refuse(int(status), *code)
        elif owner not in ("me", "gated-files"):
            self.refuse(404, "RepoNotFound")
        elif api:
            self.list_files(f"{owner}/{name}", tree=rest[0] == "tree")
        elif owner == "gated-files":
            self.refuse(403, "GatedRepo")
        else:
            self.send_file(name, "/".join(part for part in rest[2:] if part), body=body)

    def list_files(self, repository: str, *, tree: bool) -> None:
        files = FILES if repository.endswith("/files") else sorted(path.name for path in SAMPLE.iterdir())
        entries = [{"type": "file", "path": file, "size": 1, "oid": "0"} for file in files]
        info = {"id": repository, "sha": COMMIT, "siblings": [{"rfilename": file} for file in files]}
        self.send(json.dumps(entries if tree else info).encode())

    def send_file(self, name: str, file: str, *, body: bool) -> None:
        path = (self.files if name == "files" else SAMPLE) / file
        if not path.is_file():
            return self.refuse(404, "EntryNotFound")
        data = path.read_bytes()
        cut = len(data) // 2 if name == "broken" and path.suffix == ".safetensors" else len(data)
        return self.send(data, etag=path.name, cut=cut if body else 0)

    def send(self, data: bytes, *, etag: str = "list", cut: int | None = None) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("ETag", f'"{etag}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.end_headers()
        self.wfile.write(data[:cut])

    def refuse(self, status: int, why: str = "") -> None:
        self.send_response(status)
        if why:
            self.send_header("X-Error-Code", why)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None: ...


SHARDS = ["big/known-Q4_K_M-00001-of-00002.gguf", "big/known-Q4_K_M-00002-of-00002.gguf"]
FILES = ["README.md", *SHARDS, "known-F32.gguf", "known-UD-Q4_K_M.gguf", "mmproj-F32.gguf", "other.Q8_0.gguf"]


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    Hub.files = tmp_path_factory.mktemp("files")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.socket.close()


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
    assert fetched == {path.name for path in SAMPLE.iterdir()}


def test_half_a_snapshot_is_completed_or_named(tmp_path: Path, endpoint: str) -> None:
    whole = attn("me/known", tmp_path, endpoint)
    for path in tmp_path.rglob("model.safetensors"):
        path.unlink()
    offline = attn("me/known", tmp_path, endpoint, HF_HUB_OFFLINE="1")
    assert (offline.returncode, offline.stdout, len(offline.stderr.splitlines())) == (1, "", 2)
    assert "model.safetensors" in offline.stderr
    assert attn("me/known", tmp_path, endpoint).stdout == whole.stdout


REFUSALS = {
    "nobody/here": "no such model on the hub",
    "me/broken": "cannot be fetched",
    "status-401/known": "asks for a login (401)",
    "code-401-GatedRepo/known": "accept them on its page http://127.0.0.1",
    "code-403-GatedRepo/known": "accept them on its page http://127.0.0.1",
    "gated-files/known": "is gated",
    "status-403/known": "forbids access (403)",
    "status-404/known": "no such model on the hub",
    "code-404-RepoNotFound/known": "no such model on the hub",
    "status-429/known": "wait some minutes",
    "status-500/known": "out of order (500)",
    "status-503/known": "out of order (503)",
    "silent/known": "did not answer in time",
    "a--b/known": "no names like this",
}


@pytest.mark.parametrize("model", REFUSALS)
def test_why_the_hub_refuses_is_known_at_once_in_two_lines(model: str, tmp_path: Path, endpoint: str) -> None:
    Hub.asked.clear()
    done = attn(model, tmp_path, endpoint, HF_HUB_ETAG_TIMEOUT="1")
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (1, "", 2)
    assert done.stderr.startswith(f"attn: {model}: ")
    assert REFUSALS[model] in done.stderr
    assert model == "me/broken" or len(Hub.asked) <= 12  # nothing is asked again and again


def test_a_snapshot_takes_few_requests(tmp_path: Path, endpoint: str) -> None:
    Hub.asked.clear()
    assert attn("me/known", tmp_path, endpoint).returncode == 0
    listings = [path for path in Hub.asked if path.startswith("/api/")]
    assert len(listings) <= 3
    assert {path.rpartition("/")[2] for path in Hub.asked if path not in listings} == {
        path.name for path in SAMPLE.iterdir()
    }


def test_a_folder_of_the_cache_means_its_snapshot_and_its_name_the_repository(tmp_path: Path, endpoint: str) -> None:
    named = attn("me/known", tmp_path, endpoint)
    root = tmp_path / "hub" / "models--me--known"
    for model in (str(root), f"{root}/", root.name):
        done = attn(model, tmp_path, "http://127.0.0.1:9", HF_HUB_OFFLINE="1")
        assert (done.returncode, done.stderr) == (0, "")
        assert json.loads(done.stdout)["layers"] == json.loads(named.stdout)["layers"]
    (root / "refs" / "main").unlink()
    assert resolved(str(root)) == str(root / "snapshots" / COMMIT)


def test_no_hub_at_all_is_known_in_two_lines(tmp_path: Path) -> None:
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
    assert f"{SHARDS[0]}, known-F32.gguf, known-UD-Q4_K_M.gguf, other.Q8_0.gguf\n" in done.stderr
    assert done.stderr.endswith("-m me/files:Q4_K_M\n")


def test_a_gguf_file_is_fetched_by_its_tag_with_all_of_its_shards(tmp_path: Path, endpoint: str) -> None:
    pytest.importorskip("gguf")
    from tests.models.converting import convert, split  # needs the package
    from tests.models.gguf.test_gguf import folder_of

    folder = folder_of("llama", tmp_path)
    convert(folder, Hub.files / "known-F32.gguf")
    (Hub.files / "big").mkdir()
    for part, name in zip(split(folder, tmp_path, 2), SHARDS, strict=True):
        part.rename(Hub.files / name)
    ids, home = ("--ids", "5,17,3"), tmp_path / "home"
    whole = attn("me/files:f32", home, endpoint, text=ids)
    assert (whole.returncode, whole.stderr) == (0, "")
    parts = attn("me/files:Q4_K_M", home, endpoint, text=ids)
    layers = [json.loads(done.stdout)["layers"] for done in (whole, parts)]
    assert layers[0] == layers[1]
    for name in ("Q4_K_M", "F32", "known-F32.gguf", SHARDS[1]):
        offline = attn(f"me/files:{name}", home, "http://127.0.0.1:9", text=ids, HF_HUB_OFFLINE="1")
        assert (offline.returncode, offline.stderr) == (0, "")
    missing = attn("me/files:Q8_0", home, "http://127.0.0.1:9", HF_HUB_OFFLINE="1")
    assert (missing.returncode, missing.stdout, len(missing.stderr.splitlines())) == (1, "", 2)


TAGS = {
    "Q4_K_M": [SHARDS[0]],
    "q4_k_m": [SHARDS[0]],
    "UD-Q4_K_M": ["known-UD-Q4_K_M.gguf"],
    "Q8_0": ["other.Q8_0.gguf"],
    "other.Q8_0.gguf": ["other.Q8_0.gguf"],
    "known-F32": ["known-F32.gguf"],
    "32": [],
    SHARDS[1]: [SHARDS[0]],
}


@pytest.mark.parametrize("tag", TAGS)
def test_what_a_tag_means_among_the_files_of_a_repository(tag: str) -> None:
    assert tagged(models(FILES), tag) == TAGS[tag]


def test_a_tag_is_as_short_as_can_be_and_long_lists_are_cut_off() -> None:
    assert tag_of(["a-Q8_0.gguf", "b-Q8_0.gguf"]) == "a-Q8_0.gguf"
    assert tag_of(["a-Q8_0.gguf", "b-Q4_0.gguf"]) == "Q8_0"
    assert some([str(number) for number in range(7)]) == "0, 1, 2, 3, 4 and 2 more"
    assert models(FILES) == [SHARDS[0], "known-F32.gguf", "known-UD-Q4_K_M.gguf", "other.Q8_0.gguf"]
