"""Which modules import which: no circles, neither when a module is loaded nor later, and a quick start."""

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

import attn_cli

ROOT = Path(attn_cli.__file__).parent
CALLED_BACK = (
    ("attn_cli.cli.help.helpful", "attn_cli.cli.help.layout"),
    ("attn_cli.models.tokenizers.tokenizer", "attn_cli.models.tokenizers.gguf_tokenizer"),
    ("attn_cli.models.tokenizers.tokenizer", "attn_cli.models.tokenizers.legacy"),
)
"""Late imports that still close a circle; none may be added."""


def modules() -> dict[str, Path]:
    """Every module of the package by its dotted name."""
    return {
        ".".join(path.relative_to(ROOT.parent).with_suffix("").parts).removesuffix(".__init__"): path
        for path in ROOT.rglob("*.py")
    }


def imports(tree: ast.AST, known: Mapping[str, Path]) -> Iterator[str]:
    """The modules of the package that a file imports, in functions too, but not for type checkers alone."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            continue
        if isinstance(node, ast.ImportFrom) and node.module is not None:
            for name in node.names:
                whole = f"{node.module}.{name.name}"
                yield whole if whole in known else node.module
        elif isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        else:
            yield from imports(node, known)


def circles(graph: Mapping[str, set[str]]) -> list[list[str]]:
    """One circle for each module that closes one, as the modules along it."""
    found, done = [], set[str]()

    def visit(module: str, path: list[str]) -> None:
        if module in path:
            found.append([*path[path.index(module) :], module])
        elif module not in done:
            for imported in sorted(graph[module]):
                visit(imported, [*path, module])
            done.add(module)

    for module in sorted(graph):
        visit(module, [])
    return found


def test_the_finder_sees_a_circle() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == [["b", "c", "b"]]
    assert circles({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []


def test_no_modules_import_each_other_in_a_circle() -> None:
    known = modules()
    graph = {
        name: set(imports(ast.parse(path.read_text(encoding="utf-8")), known)) & known.keys()
        for name, path in known.items()
    }
    assert len(graph["attn_cli.sources.explain"]) > 5  # the finder reads imports at all
    for module, late in CALLED_BACK:
        graph[module].discard(late)
    # The package's own __init__ holds the version, and opens everything else by name.
    assert circles({name: graph[name] - {"attn_cli"} for name in graph}) == []
