"""Fitting a table to the screen: fewer digits first, then shorter labels, and only then fewer columns."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from attn_cli.trace.trace import Array
from attn_cli.views.display import Display
from attn_cli.views.drawing.folding import ROWS, Fold, fold, fold_by, fold_to, whole
from attn_cli.views.drawing.numbers import Form, bare, digits_needed, form_of
from attn_cli.views.drawing.screen import Screen
from attn_cli.views.drawing.text import cells
from attn_cli.views.page import Grid

LABEL = 24
NAME = 6
"""The cells of a column's label that are kept before digits are left out."""
FEWEST = 2
"""The digits that are kept before columns are left out."""
MARK = 3
SPARE = 8
"""The lines of a screen that a table leaves to others."""


class Fitted(NamedTuple):
    """One grid on the screen: its rows and columns, their labels, and the width of each column.

    `by_size` says that the columns were chosen by their numbers, not as the first and the last.
    """

    down: Fold
    across: Fold
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    widths: tuple[int, ...]
    label: int
    by_size: bool = False

    @property
    def width(self) -> int:
        return self.label + 1 + sum(self.widths) + MARK * len(self.across.gaps)


class _Names(NamedTuple):
    """The labels of a grid's rows and columns."""

    rows: tuple[str, ...]
    columns: tuple[str, ...]


def rows_shown(count: int, display: Display, screen: Screen) -> Fold:
    """The rows that are shown: all, or the first and the last that a screen has lines for."""
    return whole(count) if display.full else fold(count, max(ROWS, screen.height - SPARE))


def fitted(
    grids: Sequence[Grid], shown: Sequence[Array], downs: Sequence[Fold], display: Display, screen: Screen
) -> tuple[Form, list[Fitted]]:
    """The first of ever shorter formats in which all grids fit the width, with full labels, then with short ones.

    If none fits, columns are left out. With --full nothing is, and digits stay.
    """
    names = [_names(grid, down, screen) for grid, down in zip(grids, downs, strict=True)]
    forms = list(_forms(shown, display, screen.width))
    parts = list(zip(grids, shown, downs, names, strict=True))
    if not display.full:
        for form, cap in [*((form, NAME) for form in forms), (forms[-1], 0)]:
            fits = [_fit(down, name, form, cap, screen) for _, _, down, name in parts]
            if all(fit.width <= screen.width for fit in fits):
                return form, [_roomy(fit, form, screen) for fit in fits]
    features = all(grid.columns is None for grid in grids)
    form = forms[0] if display.full or features else forms[-1]
    return form, [_folded(*part, form, screen, full=display.full) for part in parts]


def _names(grid: Grid, down: Fold, screen: Screen) -> _Names:
    rows = screen.labels([grid.rows[i] for i in down.indices])
    count = np.asarray(grid.values).shape[1]
    return _Names(rows, screen.labels(grid.columns) if grid.columns is not None else tuple(map(str, range(count))))


def _forms(shown: Sequence[Array], display: Display, width: int) -> Iterator[Form]:
    """Ever shorter formats: the digits asked for, then fewer, at last without zeros before the point."""
    values = np.concatenate([array.ravel() for array in shown]) if shown else np.zeros(0)
    most = display.precision if display.exact else digits_needed(values, display.precision)
    least = most if display.exact or display.full else min(most, FEWEST)
    for precision in range(most, least - 1, -1):
        form = form_of(values, precision)
        if precision < most and precision == FEWEST:
            form = bare(form, values)
        if form.width + 3 + MARK + 2 <= width:
            yield form._replace(cut=precision < most)
    precision = least
    while precision and form.width + 3 + MARK + 2 > width:  # not even one column would fit
        precision -= 1
        form = form_of(values, precision)
        if not precision or form.width + 3 + MARK + 2 <= width:
            yield form._replace(cut=True)


def _fit(down: Fold, names: _Names, form: Form, cap: int, screen: Screen) -> Fitted:
    """All columns, with labels of at most `cap` cells, 0 for as many as the numbers take."""
    least = form.width + 2
    widths = tuple(max(least, min(cells(name), cap) + 2) if cap else least for name in names.columns)
    label = min(max(map(cells, names.rows), default=0), _label_room(least, screen))
    return Fitted(down, whole(len(widths)), names.rows, names.columns, widths, label)


def _label_room(least: int, screen: Screen) -> int:
    return max(1, min(max(screen.width // 5, 8), screen.width - 1 - least - MARK))


def _roomy(fit: Fitted, form: Form, screen: Screen) -> Fitted:
    """The same columns, with labels in full where there is room: those of rows first."""
    label = max(fit.label, min(max(map(cells, fit.rows), default=0), LABEL, fit.label + screen.width - fit.width))
    wider = tuple(max(width, min(cells(name), LABEL) + 2) for name, width in zip(fit.columns, fit.widths, strict=True))
    widths = wider if label + 1 + sum(wider) <= screen.width else fit.widths
    return Fitted(fit.down, fit.across, fit.rows, fit.columns, widths, label)


def _folded(grid: Grid, values: Array, down: Fold, names: _Names, form: Form, screen: Screen, *, full: bool) -> Fitted:
    """As many columns as fit: of tokens those with the largest numbers, of features the first and the last."""
    fit = _fit(down, names, form, 0, screen)
    if full or fit.width <= screen.width:
        return _roomy(_fit(down, names, form, NAME if full else 0, screen), form, screen)
    room = screen.width - fit.label - 1
    by_size = grid.columns is not None and values.size > 0
    across = fold_by(_sizes(grid, values), fit.widths, room, MARK) if by_size else fold_to(fit.widths, room, MARK)
    kept = across.indices
    columns = tuple(names.columns[i] for i in kept)
    return Fitted(down, across, names.rows, columns, tuple(fit.widths[i] for i in kept), fit.label, by_size)


def _sizes(grid: Grid, values: Array) -> list[float]:
    """How much each column matters: its largest share of a row's largest number."""
    finite = np.where(np.isfinite(values), values if not grid.signed else np.abs(values), 0)
    largest = finite.max(axis=1, keepdims=True)
    sizes: list[float] = (finite / np.where(largest > 0, largest, 1)).max(axis=0).tolist()
    return sizes
