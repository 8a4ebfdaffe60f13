"""Tables for a terminal."""

from collections.abc import Iterator, Sequence
from typing import Final

UNKNOWN: Final = "-"


def table(headings: tuple[str, ...], rows: Sequence[tuple[str, ...]], *, right_from: int) -> Iterator[str]:
    """The lines, headings first. Columns from `right_from` on are numbers, and stand to the right."""
    widths = [max(map(len, column)) for column in zip(headings, *rows, strict=True)]
    for row in (headings, *rows):
        cells = [
            cell.rjust(width) if place >= right_from else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  ".join(cells).rstrip()


def printable(text: str, longest: int) -> str:
    """A client's own text as a terminal may show it: no control characters, and at most so many of the others."""
    shown = "".join(char if char.isprintable() else "?" for char in text)
    return shown if len(shown) <= longest else f"{shown[: longest - 1]}…"
