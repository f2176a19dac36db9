"""Print the oldest versions that pyproject.toml allows, as constraints for pip: `package==floor`, one a line."""

import re
import tomllib
from pathlib import Path

project = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]
named = [*project["dependencies"], *(name for extra in project["optional-dependencies"].values() for name in extra)]
for requirement in named:
    if found := re.fullmatch(r"([\w.-]+)>=([\w.]+).*", requirement):
        print("==".join(found.groups()))
