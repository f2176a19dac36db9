"""What the README and the samples' README show is what happens: blocks, tables and links."""

import re
import shutil
from difflib import unified_diff
from pathlib import Path

import pytest

from attn_cli.manual import TOPICS
from tests.readme.blocks import Block, blocks_of, commands_of, headings_of, matches, rewritten
from tests.readme.shell import ROOT, program, typed
from tests.readme.tables import TABLES, marked, replaced

MANUAL = tuple(f"attn_cli/manual/{topic}.md" for topic in TOPICS)
DOCUMENTS = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "samples/README.md", *MANUAL)
PROGRAMS = ("jq",)
"""Programs that a block may use and a machine may lack."""

STAND_IN = Path(__file__).with_name("standin.py").read_text(encoding="utf-8")

Printed = tuple[str, ...]


class Reader:
    """Runs the blocks of a document one after another in one folder, where a copy of the samples is."""

    def __init__(self, document: str, folder: Path) -> None:
        self.document, self.folder = document, folder
        self.printed: list[list[Printed]] = []
        shutil.copytree(ROOT / "samples", folder / "samples")

    def run_to(self, number: int) -> list[Printed]:
        """What each command of that block prints, after all blocks before it."""
        blocks = blocks_of(ROOT / self.document)
        while len(self.printed) <= number:
            self.printed.append(self.run(blocks[len(self.printed)]))
        return self.printed[number]

    def run(self, block: Block) -> list[Printed]:
        if block.words[:1] == ("console",):
            return [typed(command.typed, self.folder) for command in commands_of(block)]
        if block.words[:1] == ("python",):
            tensors = len(block.words) > 1
            return [program(f"{STAND_IN}\n{block.text}" if tensors else block.text, self.folder)]
        return []


def numbered(language: str) -> list[object]:
    """The document and number of every block in a language."""
    return [
        pytest.param(document, number, id=f"{document}:{block.start}")
        for document in DOCUMENTS
        for number, block in enumerate(blocks_of(ROOT / document))
        if block.words[:1] == (language,)
    ]


@pytest.fixture(scope="module")
def readers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Reader]:
    """A reader for each document."""
    return {document: Reader(document, tmp_path_factory.mktemp("reader")) for document in DOCUMENTS}


@pytest.mark.parametrize(("document", "number"), numbered("console"))
def test_a_console_block_shows_what_its_commands_print(
    document: str, number: int, readers: dict[str, Reader], request: pytest.FixtureRequest
) -> None:
    block = blocks_of(ROOT / document)[number]
    all_printed = readers[document].run_to(number)
    for name in PROGRAMS:
        if re.search(rf"\b{name}\b", block.text) and shutil.which(name) is None:
            pytest.skip(f"{name} is not installed")
    lines: list[str] = []
    differences: list[str] = []
    for command, printed in zip(commands_of(block), all_printed, strict=True):
        lines += [*f"$ {command.typed}".split("\n"), *rewritten(command.shown, printed)]
        if not matches(command.shown, printed):
            differences += [
                f"$ {command.typed}",
                *unified_diff(command.shown, printed, "shown", "printed", lineterm=""),
            ]
    if differences and request.config.getoption("--update-golden"):
        rewrite(document, block, lines)
        return
    assert not differences, "\n".join([f"{document}:{block.start}", *differences])


@pytest.mark.parametrize(("document", "number"), numbered("python"))
def test_a_python_block_runs_and_prints_what_the_text_after_it_shows(
    document: str, number: int, readers: dict[str, Reader], request: pytest.FixtureRequest
) -> None:
    after = next(iter(blocks_of(ROOT / document)[number + 1 :]), None)
    (printed,) = readers[document].run_to(number)
    if after is None or after.words != ("text",):
        assert not printed
    elif not matches(after.lines, printed) and request.config.getoption("--update-golden"):
        rewrite(document, after, rewritten(after.lines, printed))
    else:
        assert matches(after.lines, printed), "\n".join(unified_diff(after.lines, printed, "shown", "printed"))


def rewrite(document: str, block: Block, lines: list[str] | tuple[str, ...]) -> None:
    """Put other lines into a block of a document."""
    path = ROOT / document
    old = path.read_text(encoding="utf-8").splitlines()
    old[block.start : block.start + len(block.lines)] = lines
    path.write_text("".join(f"{line}\n" for line in old), encoding="utf-8")


@pytest.mark.parametrize(
    ("document", "name"), [(document, name) for document in DOCUMENTS for name in marked(ROOT / document)]
)
def test_a_table_says_what_the_code_says(document: str, name: str, request: pytest.FixtureRequest) -> None:
    path, made = ROOT / document, TABLES[name]()
    if request.config.getoption("--update-golden"):
        path.write_text(replaced(path, name, made), encoding="utf-8")
    assert marked(path)[name] == made


def test_every_table_stands_in_a_document() -> None:
    assert {name for document in DOCUMENTS for name in marked(ROOT / document)} == set(TABLES)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_lead_to_files_and_headings_that_are_there(document: str) -> None:
    path = ROOT / document
    for target in re.findall(r"\]\(([^)\s]+)\)", path.read_text(encoding="utf-8")):
        if target.startswith("https://"):
            continue
        file, _, heading = target.partition("#")
        linked = path.parent / file if file else path
        assert linked.exists(), target
        assert not heading or heading in headings_of(linked), target


def test_the_two_commands_are_those_that_are_run_for_every_change() -> None:
    run = (ROOT / ".ci/run").read_text(encoding="utf-8").splitlines()
    (block,) = [block for block in blocks_of(ROOT / "README.md") if block.words == ("sh",)]
    assert len(block.lines) == 2
    assert set(block.lines) <= set(run)
    assert run[-1] == block.lines[-1]
