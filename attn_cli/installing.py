"""Hints on how to install more packages or a newer attn, by how this copy was installed."""

import os

NAME = "attn-cli"


def install_hint(extra: str) -> str:
    """The command that installs the packages of an extra, `models` or `gguf`."""
    if is_wheel():
        return f"pip install '{NAME}[{extra}]' brings it"
    return f"pip install -e '.[{extra}]' brings it, in the folder of attn's source code"


def update_hint() -> str:
    """The command that updates attn."""
    return f"pip install --upgrade {NAME}" if is_wheel() else "update attn's source code: git pull"


def is_wheel() -> bool:
    """Whether attn runs from an installed wheel of our name, not from a checkout or an editable install."""
    import json
    from importlib.metadata import PackageNotFoundError, distribution

    try:
        installed = distribution(NAME)
        origin = json.loads(installed.read_text("direct_url.json") or "{}")
    except (PackageNotFoundError, ValueError):
        return False
    here = os.path.join(os.path.dirname(os.path.abspath(__file__)), "__init__.py")
    there = os.path.abspath(str(installed.locate_file("attn_cli/__init__.py")))
    return not origin.get("dir_info", {}).get("editable") and os.path.realpath(here) == os.path.realpath(there)
