"""Hints name our package only where it is what runs: an installed wheel, not a checkout."""

import subprocess
import sys
from pathlib import Path

import pytest

from attn_cli import installing

ROOT = Path(__file__).parents[1]
SAID = "from attn_cli.installing import *; print(install_hint('models')); print(update_hint())"
FROM_SOURCE = [
    "pip install -e '.[models]' brings it, in the folder of attn's source code",
    "update attn's source code: git pull",
]
FROM_WHEEL = ["pip install 'attn-cli[models]' brings it", "pip install --upgrade attn-cli"]


def said(folder: Path) -> list[str]:
    """The hints of the attn that a folder holds."""
    done = subprocess.run([sys.executable, "-c", SAID], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """A folder with a copy of the program's first files, as a wheel puts them there."""
    (tmp_path / "attn_cli").mkdir()
    (tmp_path / "attn_cli" / "__init__.py").write_text("")
    (tmp_path / "attn_cli" / "installing.py").write_text(Path(installing.__file__).read_text())
    return tmp_path


def described(folder: Path, origin: str | None) -> None:
    """Write what an installer writes about a distribution of our name."""
    info = folder / "attn_cli-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: attn-cli\nVersion: 0.1.0\n")
    (info / "RECORD").write_text("attn_cli/__init__.py,,\n")
    if origin is not None:
        (info / "direct_url.json").write_text(origin)


def test_a_checkout_is_installed_again_with_the_extra(copied: Path) -> None:
    assert said(ROOT) == FROM_SOURCE
    assert said(copied) == FROM_SOURCE  # a copy beside an installed attn


def test_a_wheel_is_named_by_its_name(copied: Path) -> None:
    described(copied, None)
    assert said(copied) == FROM_WHEEL


def test_a_wheel_from_a_file_is_a_wheel(copied: Path) -> None:
    described(copied, '{"url": "file:///dist/attn_cli-0.1.0-py3-none-any.whl", "archive_info": {}}')
    assert said(copied) == FROM_WHEEL


@pytest.mark.parametrize("space", ["", " "])
def test_an_editable_installation_is_none(copied: Path, space: str) -> None:
    described(copied, f'{{"url": "file:///src/attn", "dir_info": {{"editable":{space}true}}}}')
    assert said(copied) == FROM_SOURCE


def test_no_other_file_names_a_package_to_install() -> None:
    names = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "attn_cli").rglob("*.py")
        if "pip install" in path.read_text()
    }
    assert names == {"attn_cli/installing.py", "attn_cli/models/tokenizers/sentencepieces.py"}
