"""AWS's event stream: binary messages with typed headers, guarded by two CRC-32s.

Source: the Smithy specification, "Amazon event stream".
"""

import base64
import json
import struct
from binascii import crc32
from typing import Any, Final

_STRING: Final = 7


def message(headers: dict[str, str], payload: bytes) -> bytes:
    """One message: lengths and their CRC, headers, payload, the CRC of all that."""
    coded = b"".join(_header(name, value) for name, value in headers.items())
    prelude = struct.pack(">II", 16 + len(coded) + len(payload), len(coded))
    body = prelude + struct.pack(">I", crc32(prelude)) + coded + payload
    return body + struct.pack(">I", crc32(body))


def event(kind: str, payload: Any) -> bytes:
    headers = {":event-type": kind, ":content-type": "application/json", ":message-type": "event"}
    return message(headers, json.dumps(payload).encode())


def chunk(payload: Any) -> bytes:
    """An event of invoke-with-response-stream: the model's own JSON, in base64."""
    return event("chunk", {"bytes": base64.b64encode(json.dumps(payload).encode()).decode()})


def exception(kind: str, text: str) -> bytes:
    """An error after the 200 has been sent."""
    headers = {":exception-type": kind, ":content-type": "application/json", ":message-type": "exception"}
    return message(headers, json.dumps({"message": text}).encode())


def _header(name: str, value: str) -> bytes:
    return struct.pack(">B", len(name)) + name.encode() + struct.pack(">BH", _STRING, len(value)) + value.encode()
