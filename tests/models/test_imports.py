"""No two modules of the checkpoints' rooms import each other, not even inside of functions or by way of a third."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).parents[2]
MODELS = sorted((ROOT / "attn_cli" / "models").rglob("*.py"))


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imported(path: Path, modules: set[str]) -> set[str]:
    """The modules that a file imports, except those for the type checker alone."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in [node for node in ast.walk(tree) if isinstance(node, ast.If)]:
        if isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            node.body = []
    froms = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module]
    names = [(node.module or "", f"{node.module}.{alias.name}") for node in froms for alias in node.names]
    return {full if full in modules else module for module, full in names} & modules


def test_no_circle_of_imports() -> None:
    modules = {name_of(path) for path in MODELS}
    TopologicalSorter({name_of(path): imported(path, modules) for path in MODELS}).prepare()  # raises CycleError
