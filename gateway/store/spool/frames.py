"""What a segment is made of: a head that names the format, then frames.

    frame = length of the body (u32) · CRC-32 of the body (u32) · body = kind (1 byte) · payload (MessagePack)

Little endian. The tail of a segment whose process died may be torn: its length or its CRC tells.
"""

import struct
from collections.abc import Iterator
from typing import Final
from zlib import crc32

from msgspec import Struct

VERSION: Final = 1
_FORMAT: Final = b"sizewise spool\n"
HEAD: Final = _FORMAT + bytes([VERSION])
INTENT: Final = b"I"
RECORD: Final = b"R"
TEXT: Final = b"T"
"""A release that knows no such kind passes it over: the text is lost then, and no record."""
NOTHING: Final = b"N"
"""Written to find out whether the disk takes anything again."""
_PREFIX: Final = struct.Struct("<II")


class SpoolVersionError(Exception):
    """A segment of a format that this release does not read."""


class Frame(Struct, frozen=True):
    """`end`: the offset behind it."""

    kind: bytes
    payload: bytes
    end: int


def frame(kind: bytes, payload: bytes) -> bytes:
    body = kind + payload
    return _PREFIX.pack(len(body), crc32(body)) + body


def check_head(data: bytes, name: str) -> None:
    """Raises SpoolVersionError for a whole head that is not this release's."""
    if data[: len(HEAD)] == HEAD[: len(data)]:
        return
    if data.startswith(_FORMAT):
        raise SpoolVersionError(
            f"{name} is of spool version {data[len(_FORMAT)]}, this release reads {VERSION}: start the release that"
            " wrote it and let it finish, or move the file away"
        )
    raise SpoolVersionError(f"{name} is no segment of a spool: move the file away")


def frames_in(data: bytes, base: int) -> Iterator[Frame | int]:
    """The whole frames at the beginning of `data`, which lies at offset `base`; for a damaged one its size instead.

    Ends where the next frame is not all there.
    """
    at = 0
    while at + _PREFIX.size <= len(data):
        length, crc = _PREFIX.unpack_from(data, at)
        end = at + _PREFIX.size + length
        if end > len(data):
            return
        body = data[at + _PREFIX.size : end]
        yield Frame(body[:1], body[1:], base + end) if length and crc32(body) == crc else end - at
        at = end
