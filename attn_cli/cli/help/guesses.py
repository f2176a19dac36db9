"""Hints for options and commands that do not exist: the one that was probably meant."""

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from attn_cli.cli.help.choices import CHOICES, filled
from attn_cli.errors import did_you_mean, nearest

OPTIONS: Mapping[str, str] = MappingProxyType(
    {
        "--weights FILE": "document file data dump trace path load",
        "--model PATH": "checkpoint ckpt model-path model-name pretrained gguf hf",
        "--ids IDS": "tokens token-ids input-ids",
        "--context TEXT": "memory encoder-text cross cross-attention",
        "--target TEXT": "decoder-text decoder",
        "--heads N": "n-heads num-heads n-head query-heads attention-heads",
        "--kv-heads N": "n-kv-heads num-kv-heads key-heads key-value-heads gqa groups",
        "--dim N": "d-model embed-dim embedding-dim hidden-size width",
        "--head-dim N": "d-k d-head dk head-size",
        "--mask sliding:WINDOW": "window sliding-window swa",
        "--mask none": "bidirectional no-mask unmasked",
        "--positions rope": "rotary rope-base theta",
        "--softcap NUMBER": "cap soft-cap logit-softcap",
        "--temperature NUMBER": "temp tau",
        "--without-head HEAD": "ablate ablate-head ablation remove-head zero-head no-head prune",
        "--without-token TOKEN": "remove-token delete-token no-token exclude",
        "--drop KEY": "ignore skip drop-token drop-key",
        "--next N": "top-k topk predict generate prediction predictions",
        "--stage NAMES": "stages show only step steps",
        "--layer LAYERS": "layers layer-index block blocks",
        "--head HEADS": "head-index head-number",
        "--format FORMAT": "fmt type output-format",
        "--output FILE": "out outfile save save-to export",
        "--precision N": "digits decimals places round",
        "--palette NAME": "cmap colormap color-map colour-map theme",
        "--color WHEN": "colour colors colours ansi",
        "--color never": "no-color no-colour monochrome plain",
        "--color-scale NAME": "colour-scale scale-color norm",
        "--quiet": "silent no-notes",
        "--full": "all everything no-truncate verbose",
        "--seed N": "random-seed random-state rng",
        "--by METRIC": "metric sort sort-by rank rank-by order order-by",
        "--aggregate NAME": "agg combine reduce average",
        "--query TOKEN": "from row query-token",
        "--key TOKEN": "to column key-token",
        "--tolerance NUMBER": "tol eps atol",
        "--with NAME=VALUE": "change against",
        "--unknown HOW": "oov unk",
        "--tokenizer NAME": "tokeniser tokenize split",
        "--raw-tokens": "raw",
        "--no-special": "no-special-tokens no-bos no-cls add-special-tokens",
        "--words": "merge merge-words word-level",
        "--recompute": "recalculate redo",
    }
)
"""Options with the names that users of other programs know them by."""

COMMANDS: Mapping[str, str] = MappingProxyType(
    {
        "explain": "run attend attention stages",
        "heatmap": "plot draw show picture visualize visualise map",
        "why": "cell arithmetic",
        "compare": "diff",
        "check": "validate verify lint test",
        "model": "info describe inspect checkpoint",
        "init": "new create parameters",
        "manual": "man docs doc guide",
    }
)
"""Commands with the names that users of other programs know them by."""


def option_hint(typed: str, command: Any, path: str) -> str:
    """What to type in place of an option that the command does not have."""
    name = typed.lstrip("-").lower().replace("_", "-")
    options = {option for parameter in command.params for option in parameter.opts}
    meant = dict(_values(command))
    meant |= {word: known for word, known in _synonyms(OPTIONS) if known.partition(" ")[0] in options}
    meant |= {name: f"--{name}"} if f"--{name}" in options else {}
    if name in meant:
        return f"did you mean {meant[name]}?"
    if others := _commands_with(f"--{name}"):
        return f"--{name} is an option of {others}"
    if near := nearest(name, (option.lstrip("-") for option in options if option.startswith("--"))):
        return f"did you mean --{near[0]}?"
    if near := nearest(name, meant, cutoff=0.8):
        return f"did you mean {meant[near[0]]}?"
    return f"{path} --help lists the options"


def command_hint(typed: str, names: Any) -> str:
    """The command that was probably meant; nothing where none is near."""
    return did_you_mean(typed, names, also=dict(_synonyms(COMMANDS))).rstrip()


def value_hint(option: str, command: Any) -> str:
    """What may follow an option that was typed without its value; nothing where its help does not say so."""
    for parameter in command.params:
        if option in parameter.opts and parameter.help:
            return f"{option} {parameter.metavar or 'VALUE'}: {filled(parameter.help)}"
    return ""


def _values(command: Any) -> Iterator[tuple[str, str]]:
    """Every value that an option takes from a table, with the option: causal means --mask causal."""
    for parameter in command.params:
        if table := re.search(r"\{(\w+)\}", getattr(parameter, "help", None) or ""):
            for value in reversed(CHOICES[table[1]].completions()):  # rope after rope:
                yield value.rstrip(":=").lower(), f"{max(parameter.opts, key=len)} {value}"


def _synonyms(table: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    return ((word, known) for known, words in table.items() for word in words.split())


def _commands_with(option: str) -> str:
    """The commands that have an option, of many the first two; nothing where none has it."""
    from typer.main import get_command

    from attn_cli.cli import app

    group: Any = get_command(app.app_of(app.COMMANDS))
    having = [
        f"attn {name}"
        for name, command in getattr(group, "commands", {}).items()
        if any(option in parameter.opts for parameter in command.params)
    ]
    return f"{', '.join(having[:2])} and others" if len(having) > 3 else " and ".join(having)
