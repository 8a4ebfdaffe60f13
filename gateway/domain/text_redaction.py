"""Takes out of a text what may not be kept: secrets, and personal data that can be told by their form.

The detectors are those that measure requests (`sensitivity`, `identifiers`). What they find is replaced where it
stands. What they find only in a text as people read it, escapes undone and look-alikes replaced, is taken out of that
form, which then stands in the text's place. What cannot be located goes with its line, or with all of the text: nothing
that is returned holds anything a detector finds.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, Literal

from gateway.domain.identifiers import has_identifier, identifier_spans
from gateway.domain.plain_text import plain_text
from gateway.domain.sensitivity import has_secret, secret_spans

Marker = Literal["[secret]", "[personal]"]
Marked = tuple[int, int, Marker]
"""From where to where in the UTF-8 of a text, and what stands there in its place."""

SECRET: Final[Marker] = "[secret]"  # noqa: S105 (what stands for one)
PERSONAL: Final[Marker] = "[personal]"
MARGIN_BYTES: Final = 4_096
"""So much of a text beyond what is kept is looked at: a secret that the cut would halve is seen whole."""

_MOST_ROUNDS: Final = 3
_MOST_PARTED: Final = 16
"""Each looks at all of the texts: who sends more findings than that has none of the texts kept."""
_STOPS: Final = b".,;:!?)]}"
_KEY_BEGINS: Final = b"-----BEGIN "
_KEY_ENDS: Final = re.compile(rb"-----END [A-Z0-9 ]{0,30}-----")
_MORE_OF_A_SECRET: Final = re.compile(rb"[^\s\"'`<>]*")
"""A detector is content with a token's first characters: all of it goes."""


def marker_of(text: str) -> Marker | None:
    """What the text would have to be replaced by as a whole; None where a detector finds nothing in it."""
    plain = plain_text(text).text
    if has_secret(plain):
        return SECRET
    return PERSONAL if has_identifier(plain) else None


def redacted(text: str, most_bytes: int) -> tuple[str, bool]:
    """The beginning of a text, at most so many bytes of UTF-8, with a marker in the place of each finding; and whether
    more was there."""
    data = text.encode("utf-8", "replace")
    is_cut = len(data) > most_bytes
    seen = data[: most_bytes + MARGIN_BYTES].decode("utf-8", "ignore") if is_cut else text
    if marker_of(seen) is not None:
        seen = _cleared(seen)
        if is_cut:
            most_bytes = min(most_bytes, max(len(seen.encode("utf-8", "replace")) - MARGIN_BYTES, 0))
    whole = seen.encode("utf-8", "replace")
    kept = whole[:most_bytes].decode("utf-8", "ignore")
    return marker_of(kept) or kept, is_cut or len(whole) > most_bytes


def parted(texts: Sequence[str]) -> list[str]:
    """The texts, so that none holds with those before it what it does not hold alone: a name, then its password."""
    kept = list(texts)
    for _ in range(_MOST_PARTED):
        if (marker := marker_of("\n".join(kept))) is None:
            return kept
        place = _first_finding(kept)
        if kept[place] in (SECRET, PERSONAL):
            break
        kept[place] = marker
    return [marker_of("\n".join(kept)) or SECRET] * len(kept)


def _first_finding(texts: Sequence[str]) -> int:
    """The place of the text with which a detector begins to find something."""
    low, high = 0, len(texts) - 1
    while low < high:
        middle = (low + high) // 2
        if marker_of("\n".join(texts[: middle + 1])) is None:
            low = middle + 1
        else:
            high = middle
    return low


def _cleared(text: str) -> str:
    """The text without its findings; of the text as it is written where that will do."""
    text = _marked(text)
    for _ in range(_MOST_ROUNDS):
        if marker_of(text) is None:
            return text
        text = _marked(plain_text(text).text)
    lines = [marker_of(line) or line for line in text.split("\n")]
    whole = "\n".join(lines)
    return marker_of(whole) or whole


def _marked(text: str) -> str:
    data = text.encode("utf-8", "surrogatepass")
    pieces: list[bytes] = []
    place = 0
    for start, end, marker in _apart(sorted(_found(text, data))):
        pieces += (data[place:start], marker.encode())
        place = end
    pieces.append(data[place:])
    return b"".join(pieces).decode("utf-8", "replace")


def _found(text: str, data: bytes) -> Iterator[Marked]:
    for start, end in secret_spans(text):
        yield start, _end_of_secret(data, start, end), SECRET
    for start, end in identifier_spans(text):
        yield start, end, PERSONAL


def _end_of_secret(data: bytes, start: int, end: int) -> int:
    if data.startswith(_KEY_BEGINS, start):
        last = _KEY_ENDS.search(data, end)
        return len(data) if last is None else last.end()
    more = _MORE_OF_A_SECRET.match(data, end)
    return end if more is None else end + len(more[0].rstrip(_STOPS))


def _apart(found: Iterable[Marked]) -> Iterator[Marked]:
    """What overlaps as one; a secret outranks the rest. `found` in the order of their beginnings."""
    before: Marked | None = None
    for each in found:
        if before is None:
            before = each
        elif each[0] < before[1]:
            is_secret = SECRET in (each[2], before[2])
            before = (before[0], max(before[1], each[1]), SECRET if is_secret else PERSONAL)
        else:
            yield before
            before = each
    if before is not None:
        yield before
