"""A page of the manual on a screen: Rich's Markdown, with headings, tables and code for any width and encoding."""

import io
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar

from rich.box import Box
from rich.console import Console, ConsoleOptions, RenderResult
from rich.markdown import CodeBlock, Heading, Markdown, MarkdownElement, Paragraph, TableElement
from rich.padding import Padding
from rich.segment import Segment
from rich.style import Style
from rich.table import Table
from rich.text import Text
from rich.theme import Theme

from attn_cli.views.drawing.screen import Screen
from attn_cli.views.drawing.text import cells, fit, wrap

if TYPE_CHECKING:
    from markdown_it.token import Token

WIDEST = 100
"""The longest lines of prose, in cells; tables and code may be wider."""
COLUMN = 20
"""The least a wrapped column of a table may be, in cells; where that does not fit, rows stand below each other."""
GAP = 2
_RULED = Box("    \n    \n ── \n    \n    \n    \n    \n    \n")
_THEME = Theme(
    {
        "markdown.paragraph": "none",
        "markdown.code": "bold",
        "markdown.code_block": "none",
        "markdown.link": "none",
        "markdown.link_url": "underline",
        "markdown.item": "none",
        "markdown.item.bullet": "none",
        "markdown.h1": "bold underline",
        "markdown.h2": "bold",
        "markdown.h3": "bold",
    }
)
_SIGNS = str.maketrans("•─…", "*-~")
_LETTERS = str.maketrans(
    {
        "α": "alpha", "ε": "epsilon", "λ": "lambda", "Â": "A^", "‖": "||", "⌊": "floor(", "⌋": ")", "°": "deg",
        "⁻": "^-", "⁵": "5", "─": "-", "░": ".", "▒": ":", "▓": "+", "█": "#", "◄": "<", "►": ">", "Ġ": "G",
        **dict.fromkeys("┌┐└┘├┤┬┴┼", "+"), "│": "|",
    }
)  # fmt: skip
"""How signs of the manual are spelled in ASCII that Screen leaves alone, since a token may be one of them."""


def manual_text(markdown: str, screen: Screen) -> str:
    """Return a page of the manual as text for a screen, with color codes where the screen has color."""
    system: Any = "standard" if screen.color == "standard" else screen.color
    written = io.StringIO()
    console = Console(
        file=written, width=screen.width, color_system=system, force_terminal=screen.color is not None, theme=_THEME,
        no_color=screen.color is None, markup=False, emoji=False, highlight=False, legacy_windows=False,
    )  # fmt: skip
    console.print(_Manual(markdown, screen), width=min(WIDEST, screen.width), crop=False)
    lines = [line.rstrip(" ") for line in written.getvalue().strip("\n").splitlines()]
    text = "".join(f"{line}\n" for line in lines)
    return text if screen.unicode else text.translate(_SIGNS)


class _Heading(Heading):
    """A heading at the left, underlined where there is no color."""

    LEVEL_ALIGN: ClassVar[Any] = {}

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield Text(self.text.plain, style=console.get_style(f"markdown.{self.tag}"))
        if console.color_system is None:
            yield Text(("=" if self.tag == "h1" else "─") * min(cells(self.text.plain), options.max_width))


class _Code(CodeBlock):
    """Code as it stands, indented where there is room.

    Of a line wider than the screen, columns and rules are cut; all else goes on below, indented more.
    """

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        lines = self.text.plain.rstrip("\n").split("\n")
        indent = max(0, min(4, console.width - max(map(cells, lines))))
        room = console.width - indent
        for line in lines:
            typed = line.startswith("$ ")
            columns = not line or GAP * " " in line.strip() or " " not in line
            cut = columns and not typed and self.lexer_name in ("console", "text")
            for part in [fit(line, room)] if cut else wrap(line, room, 4):
                yield Segment(" " * indent + part, Style(bold=typed))
                yield Segment.line()


class _Table(TableElement):
    """A table in columns where each has room, else a paragraph for each row."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        header = [cell.content for cell in self.header.row.cells] if self.header and self.header.row else []
        rows = [[cell.content for cell in row.cells] for row in self.body.rows] if self.body else []
        if sum(map(_least, zip(header, *rows, strict=True))) + GAP * (len(header) - 1) <= console.width:
            yield from console.render(_columns(header, rows), options.update(width=console.width))
        else:
            yield from _paragraphs(header, rows)


def _least(column: tuple[Text, ...]) -> int:
    """The least cells that a column needs: its longest word, and COLUMN of longer text."""
    longest = max((cells(word) for cell in column for word in cell.plain.split()), default=0)
    return max(longest, min(COLUMN, max(cells(cell.plain) for cell in column)))


def _columns(header: list[Text], rows: list[list[Text]]) -> Table:
    table = Table(box=_RULED, show_edge=False, pad_edge=False, padding=(0, GAP, 0, 0), header_style="none")
    for heading in header:
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*row)
    return table


def _paragraphs(header: list[Text], rows: list[list[Text]]) -> Iterator[Text | Padding | Segment]:
    for number, row in enumerate(rows):
        if number:
            yield Segment.line()
        yield Text.assemble(row[0], style="bold")
        for heading, cell in zip(header[1:], row[1:], strict=True):
            if cell.plain:
                named: list[Text | str] = [heading, ": "] if heading.plain and len(header) > 2 else []
                yield Padding(Text.assemble(*named, cell), (0, 0, 0, GAP))


class _Manual(Markdown):
    """A page whose words are spelled in the characters of the screen, and whose links to pages name them."""

    elements: ClassVar[dict[str, type[MarkdownElement]]] = {
        **Markdown.elements,
        "heading_open": _Heading,
        "fence": _Code,
        "table_open": _Table,
        "paragraph_open": Paragraph,
    }

    def __init__(self, markdown: str, screen: Screen) -> None:
        super().__init__(markdown, hyperlinks=False)
        self.parsed = [token for token in self.parsed if token.type != "html_block"]
        for token in self.parsed:
            self._prepare(token, screen)

    def _prepare(self, token: "Token", screen: Screen) -> None:
        content = token.content if screen.unicode else token.content.translate(_LETTERS)
        token.content = "\n".join(map(screen.spell, content.split("\n")))
        if token.children:
            token.children = list(_without_local_links(token.children))
            for child in token.children:
                self._prepare(child, screen)


def _without_local_links(tokens: "list[Token]") -> "Iterator[Token]":
    """The tokens without links to files of the repository: their words alone say where to look."""
    local = False
    for token in tokens:
        if token.type == "link_open":
            local = "://" not in str(token.attrs.get("href", ""))
        if not (local and token.type in ("link_open", "link_close")):
            yield token
