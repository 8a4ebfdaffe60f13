"""How server-sent events stand on the wire: where one ends, and what its data is, whatever its line ends."""

import re
from typing import Final

BLANK_LINE: Final = re.compile(rb"(?>\r\n|\n|\r)(?>\r\n|\n|\r)")
_BOM: Final = b"\xef\xbb\xbf"


def split_events(data: bytes) -> tuple[list[bytes], bytes]:
    """The whole events in `data`, each with the blank line that ends it, and the rest."""
    if b"\r" not in data:
        *events, rest = data.split(b"\n\n")
        return [event + b"\n\n" for event in events], rest
    events, start = [], 0
    for blank in BLANK_LINE.finditer(data):
        events.append(data[start : blank.end()])
        start = blank.end()
    return events, data[start:]


def data_of(event: bytes) -> bytes | None:
    """The data of an event, its lines joined; None for comments and events without data."""
    if event.startswith(b"data: ") and event.find(b"\n") == len(event) - 2 and b"\r" not in event:
        return event[6:-2]
    lines = [line[5:].removeprefix(b" ") for line in event.removeprefix(_BOM).splitlines() if line.startswith(b"data:")]
    return b"\n".join(lines) if lines else None
