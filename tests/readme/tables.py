"""The tables of the documents, made from the code, each by the name that stands in `<!-- generated: NAME -->`."""

import ast
import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from pathlib import Path
from types import MappingProxyType

from attn_cli.analysis.aggregation.aggregates import METHODS
from attn_cli.analysis.check.kinds import KINDS
from attn_cli.analysis.heads.head_names import KINDS as HEAD_KINDS
from attn_cli.analysis.heads.metrics import METRICS
from attn_cli.analysis.heads.patterns import PATTERNS
from attn_cli.cli.app import app_of
from attn_cli.cli.options import WhatIfOptions
from attn_cli.cli.results import FORMATS
from attn_cli.core.masks import MASKS
from attn_cli.core.positions import POSITIONS
from attn_cli.core.spelling import forms
from attn_cli.manual import TOPICS, summary
from attn_cli.models.families import FAMILIES
from attn_cli.sources.documents.catalogue import BIASES, CONDITIONS, INPUTS, LATER, MATRICES, SETTINGS
from attn_cli.sources.tokenizers import TOKENIZERS
from attn_cli.trace.stages import PARTS, STAGES, StageKind
from attn_cli.views.drawing.colors.color_scales import COLOR_SCALES
from attn_cli.views.drawing.colors.palette import PALETTES
from tests.readme.finding_examples import OWN, USUAL
from tests.readme.shell import ROOT

READING_ORDER = (
    "attn_cli/trace/stages.py",
    "attn_cli/trace/trace.py",
    "attn_cli/core/masks.py",
    "attn_cli/core/score_steps.py",
    "attn_cli/core/spec.py",
    "attn_cli/core/attention.py",
    "attn_cli/sources/explain.py",
    "attn_cli/sources/documents/reading.py",
    "attn_cli/models/family.py",
    "attn_cli/models/families/gpt2.py",
    "attn_cli/models/network/forward.py",
    "attn_cli/analysis/why.py",
    "attn_cli/analysis/heads/metrics.py",
    "attn_cli/views/pages/explain.py",
    "attn_cli/cli/commands/explain.py",
)
"""The 15 files that carry the whole, in the order in which they explain each other."""

LAYERS = ("errors", "trace", "core", "sources", "models", "analysis", "views", "cli")
"""The folders of the package in the order in which they may import each other."""

SENTENCE = "It's 25 °C at 8!"


def table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table; bars inside cells are escaped."""
    header = list(header)
    lines = [header, ["---"] * len(header), *rows]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)


def commands() -> str:
    rows = [
        (f"`attn {command.name}`", _sentence(command.callback.__doc__))
        for command in app_of().registered_commands
        if command.callback is not None
    ]
    return table(("command", "what it shows"), rows)


def changes() -> str:
    """Every option of `WhatIfOptions`: how it is typed, and what it says of itself."""
    rows = []
    for field in fields(WhatIfOptions):
        (option,) = field.type.__metadata__  # type: ignore[union-attr]
        # Where a name is given, Typer keeps it in place of a default until the command is built.
        name = option.default if isinstance(option.default, str) else f"--{field.name.replace('_', '-')}"
        rows.append((f"`{name} {option.metavar}`", option.help))
    return table(("option", "what it changes"), rows)


def topics() -> str:
    """The pages of the manual, linked from the README."""
    rows = [(f"[`attn manual {topic}`](attn_cli/manual/{topic}.md)", summary(topic)) for topic in TOPICS]
    return table(("page", "what it answers"), rows)


def stages() -> str:
    rows = [(f"`{name}`", axes(kind), meaning(kind)) for name, kind in STAGES.items() if name not in PARTS]
    return table(("stage", "axes", "what it means"), rows)


def parts() -> str:
    return table(("part", "what it means"), [(f"`{name}`", meaning(STAGES[name])) for name in PARTS])


def meaning(kind: StageKind) -> str:
    """What a stage means, without what the document says once for all of them."""
    words = kind.meaning.removeprefix("Rows look at columns: ")
    return words[0].upper() + words[1:]


def axes(kind: StageKind) -> str:
    """The axes of a stage's array, in order."""
    heads = {"query heads": ("head",), "key heads": ("key head",), None: ()}[kind.heads]
    return " × ".join((*heads, kind.rows, *((kind.columns,) if kind.columns else ())))


def masks() -> str:
    return _variants(MASKS, "what a query sees")


def positions() -> str:
    return _variants(POSITIONS, "how positions enter")


def _variants(known: Mapping[str, type], what: str) -> str:
    spelled = zip(forms(known), known.values(), strict=True)
    return table(("spelled", what), [(f"`{form}`", " ".join(str(kind.__doc__).split())) for form, kind in spelled])


def formats() -> str:
    rows = [(f"`{name}`", ", ".join(f"`{suffix}`" for suffix in form.suffixes)) for name, form in FORMATS.items()]
    return table(("`-f`", "suffixes of `-o` that choose it"), rows)


def tokenizers() -> str:
    cuts = {name: [token.replace(" ", "␣") for token in cut(SENTENCE)] for name, cut in TOKENIZERS.items()}
    rows = [(f"`{name}`", " ".join(f"`{token}`" for token in tokens)) for name, tokens in cuts.items()]
    return table(("`--tokenizer`", f"cuts *{SENTENCE}* into (␣ is a space)"), rows)


def palettes() -> str:
    rows = [
        (f"`{name}`", "around 0" if palette.diverging else "from dark to bright") for name, palette in PALETTES.items()
    ]
    return table(("`--palette`", "colors numbers"), rows)


def aggregations() -> str:
    rows = [
        (f"`{name}`", f"{method.definition} ({method.citation})", method.rows_sum_to)
        for name, method in METHODS.items()
    ]
    return table(("`--aggregate`", "is", "row sums"), rows)


def color_scales() -> str:
    rows = [(f"`{name}`", scale.meaning or "color by size") for name, scale in COLOR_SCALES.items()]
    return table(("`--color-scale`", "means"), rows)


def metrics() -> str:
    """The metrics that are no measure of a pattern; those are told together."""
    rows = [
        (
            f"`{name}`",
            _plain(f"{metric.definition} {f'In {metric.unit}.' if metric.unit else ''}".strip()),
            metric.source,
        )
        for name, metric in METRICS.items()
        if name.rpartition(".")[0] not in PATTERNS or name.endswith(".repeat")
    ]
    return table(("metric", "is", "source"), rows)


def _plain(words: str) -> str:
    """Words in which <s> is no HTML."""
    return words.replace("<", "&lt;")


def patterns() -> str:
    return table(("pattern", "looks at"), [(f"`{name}`", pattern.what) for name, pattern in PATTERNS.items()])


def head_names() -> str:
    rows = [(kind.words.format("…"), f"`{name}`", f"{kind.least:g}", kind.what) for name, kind in HEAD_KINDS.items()]
    return table(("name", "kind", "threshold", "by"), rows)


def inputs() -> str:
    return _keys(INPUTS, MATRICES, BIASES)


def later() -> str:
    """The names alone: the table of stages says what they are."""
    return ", ".join(f"`{name}`" for name in LATER) + "\n"


def conditions() -> str:
    return _keys(CONDITIONS)


def settings() -> str:
    return _keys(SETTINGS)


def _keys(*known: Mapping[str, str]) -> str:
    return table(("key", "what it holds"), [(f"`{key}`", words) for keys in known for key, words in keys.items()])


def families() -> str:
    return ", ".join(f"`{model_type}`" for model_type in sorted(FAMILIES)) + "\n"


def checks() -> str:
    """Every finding as it is worded for an example."""
    rows = [
        (f"`{name}`", kind.severity, kind.what.format(**{**USUAL, **OWN.get(name, {})})) for name, kind in KINDS.items()
    ]
    return table(("code", "is a", "such as"), rows)


def conventions() -> str:
    """The table that stands beside the results of other libraries which the tests compare with."""
    return (ROOT / "tests/parity/CONVENTIONS.md").read_text(encoding="utf-8")


def reading() -> str:
    """The files in reading order, each with the sentence it begins with."""
    rows = []
    for path in READING_ORDER:
        text = ast.get_docstring(ast.parse((ROOT / path).read_text(encoding="utf-8")))
        rows.append((f"[{path}]({path})", _sentence(text)))
    return table(("file", "what it is"), rows)


def rooms() -> str:
    """Every folder of the package, with the sentence its `__init__.py` begins with."""
    rows = []
    for layer in LAYERS:
        top = ROOT / "attn_cli" / layer
        for init in [top.with_suffix(".py")] if layer == "errors" else sorted(top.rglob("__init__.py")):
            name = (
                init.relative_to(ROOT / "attn_cli") if layer == "errors" else init.parent.relative_to(ROOT / "attn_cli")
            )
            rows.append(
                (f"`{name.as_posix()}`", _sentence(ast.get_docstring(ast.parse(init.read_text(encoding="utf-8")))))
            )
    return table(("folder", "what it holds"), rows)


def _sentence(text: str | None) -> str:
    """The first paragraph of a docstring, on one line."""
    return " ".join(inspect.cleandoc(text or "").partition("\n\n")[0].split())


TABLES: Mapping[str, Callable[[], str]] = MappingProxyType(
    {
        function.__name__: function
        for function in (
            commands,
            topics,
            changes,
            stages,
            parts,
            masks,
            positions,
            formats,
            tokenizers,
            palettes,
            metrics,
            patterns,
            head_names,
            aggregations,
            color_scales,
            inputs,
            later,
            conditions,
            settings,
            families,
            checks,
            conventions,
            reading,
            rooms,
        )
    }
)
"""Every table by its name."""

_MARKED = re.compile(r"<!-- generated: ([\w-]+) -->\n(.*?)<!-- end -->\n", re.DOTALL)


def marked(path: Path) -> dict[str, str]:
    """What stands between each `<!-- generated: NAME -->` and its `<!-- end -->`, by name."""
    return dict(_MARKED.findall(path.read_text(encoding="utf-8")))


def replaced(path: Path, name: str, made: str) -> str:
    """The file's text with that table made anew."""

    def one(match: re.Match[str]) -> str:
        return f"<!-- generated: {name} -->\n{made}<!-- end -->\n" if match[1] == name else match[0]

    return _MARKED.sub(one, path.read_text(encoding="utf-8"))
