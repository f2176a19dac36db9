"""What the documents name exists, and what exists is in a table of the documents."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from typer.main import get_command

from attn_cli.analysis.aggregation.aggregates import METHODS
from attn_cli.analysis.check.kinds import KINDS
from attn_cli.analysis.heads.metrics import METRICS
from attn_cli.analysis.heads.patterns import PATTERNS
from attn_cli.cli.app import COMMANDS, app_of
from attn_cli.cli.results import FORMATS
from attn_cli.core.masks import MASKS, NoMask
from attn_cli.core.positions import POSITIONS
from attn_cli.manual import TOPICS
from attn_cli.models.families import FAMILIES
from attn_cli.sources.tokenizers import TOKENIZERS
from attn_cli.trace.stages import STAGES
from attn_cli.views.drawing.colors.color_scales import COLOR_SCALES
from attn_cli.views.drawing.colors.palette import PALETTES
from tests.readme import tables
from tests.readme.shell import ROOT
from tests.readme.test_documents import DOCUMENTS

ELSEWHERE = {"--update-golden"}
"""Options of other programs that the documents name."""


def _options() -> dict[str, set[str]]:
    """The options of each command."""
    commands: Any = get_command(app_of()).commands  # type: ignore[attr-defined]
    return {name: {option for p in command.params for option in p.opts} for name, command in commands.items()}


OPTIONS = _options()
ANY = set().union(*OPTIONS.values()) | {"--help", "--version"}


@pytest.mark.parametrize("document", DOCUMENTS)
def test_a_document_names_only_options_that_exist(document: str) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    assert set(re.findall(r"(?<![\w-])--[a-z][\w-]*", text)) <= ANY | ELSEWHERE


@pytest.mark.parametrize("document", DOCUMENTS)
def test_a_document_names_only_commands_that_exist_with_options_that_they_have(document: str) -> None:
    for command, options in typed((ROOT / document).read_text(encoding="utf-8")):
        if command in ("COMMAND", "--help", "--version"):
            continue
        assert command in COMMANDS, command
        assert options <= OPTIONS[command] | {"--help"}, command


def typed(text: str) -> Iterator[tuple[str, set[str]]]:
    """Each command of attn in backticks or a console block, with the options up to its end."""
    text = re.sub(r"(\|?)\\?\n    ", r"\1 ", text)
    for line in re.findall(r"^\$ (.*)$", text, re.MULTILINE) + re.findall(r"`([^`\n]*)`", text):
        for part in re.split(r"[|;]|&&|\$\(", re.sub(r"'[^']*'|\"[^\"]*\"", "TEXT", line)):
            if found := re.match(r"\s*(?:\S*/)?attn ([\w-]+)(.*)", part):
                yield found[1], set(re.findall(r"(?<=\s)--?[a-z][\w-]*", found[2]))


def test_commands_are_found_in_lines_and_in_words() -> None:
    text = "$ a |\n    attn why -w - --key 'x --no' \\\n    --json | jq '.a'\n`attn heads --by x`, `--full`\n"
    assert list(typed(text)) == [("why", {"-w", "--key", "--json"}), ("heads", {"--by"})]


TABLES = {
    "masks": ("masks", MASKS),
    "positions": ("positions", POSITIONS),
    "stages": ("stages", [name for name in STAGES if name not in tables.PARTS]),
    "parts": ("parts", tables.PARTS),
    "formats": ("formats", FORMATS),
    "palettes": ("palettes", PALETTES),
    "color scales": ("color_scales", COLOR_SCALES),
    "tokenizers": ("tokenizers", TOKENIZERS),
    "aggregations": ("aggregations", METHODS),
    "metrics": ("metrics", [name for name in METRICS if name.rpartition(".")[0] not in PATTERNS]),
    "patterns": ("patterns", PATTERNS),
    "head names": ("head_names", tables.HEAD_KINDS),
    "families": ("families", FAMILIES),
    "findings": ("checks", KINDS),
    "commands": ("commands", [f"attn {name}" for name in COMMANDS]),
    "topics": ("topics", [f"attn manual {topic}" for topic in TOPICS]),
}


@pytest.mark.parametrize("what", TABLES)
def test_everything_of_a_kind_is_in_a_table_of_the_documents(what: str) -> None:
    """Other tests say that each table stands in a document and is not stale."""
    table, names = TABLES[what]
    made = tables.TABLES[table]()
    for name in names:
        assert re.search(rf"`{re.escape(name)}[`:\[]", made), name


def test_a_mask_that_is_added_is_found_in_the_table_of_the_manual(monkeypatch: pytest.MonkeyPatch) -> None:
    class Diagonal(NoMask):
        """Every query looks at itself alone."""

    monkeypatch.setattr(tables, "MASKS", MASKS | {"diagonal": Diagonal})
    assert "| `diagonal` | Every query looks at itself alone. |" in tables.masks()


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) < 250


@pytest.mark.parametrize("topic", TOPICS)
def test_a_page_of_the_manual_is_neither_a_note_nor_a_book(topic: str) -> None:
    assert 40 < len((ROOT / f"attn_cli/manual/{topic}.md").read_text(encoding="utf-8").splitlines()) <= 200


def test_every_page_that_a_message_names_exists() -> None:
    """Pages are named in hints and notes, spread over the code."""
    named = {
        (path.name, topic)
        for path in (ROOT / "attn_cli").rglob("*.py")
        for topic in re.findall(r"attn manual ([a-z][\w-]*)", path.read_text(encoding="utf-8"))
    }
    assert {topic for _, topic in named} - {"explains", "lists"} <= set(TOPICS)
    assert {"spelling.py", "catalogue.py", "check.py", "metric_names.py"} <= {name for name, _ in named}
