"""Records, intents and kept texts to frames and back."""

from typing import Any, Final

import msgspec

from gateway.domain.intent import Intent
from gateway.domain.kept_text import KeptText
from gateway.domain.record import RequestRecord
from gateway.store.spool.frames import INTENT, RECORD, TEXT, frame

_encode: Final = msgspec.msgpack.Encoder().encode
_record: Final = msgspec.msgpack.Decoder(RequestRecord).decode
_intent: Final = msgspec.msgpack.Decoder(Intent).decode
_text: Final = msgspec.msgpack.Decoder(KeptText).decode


def record_frame(record: RequestRecord) -> bytes:
    """Text with lone surrogates comes back with question marks. Raises OverflowError for a number over 64 bits."""
    return frame(RECORD, _encoded(record))


def intent_frame(intent: Intent) -> bytes:
    return frame(INTENT, _encoded(intent))


def text_frame(text: KeptText) -> bytes:
    return frame(TEXT, _encoded(text))


def record_of(payload: bytes) -> RequestRecord:
    """Raises msgspec.MsgspecError for what is no record."""
    return _record(payload)


def intent_of(payload: bytes) -> Intent:
    """Raises msgspec.MsgspecError for what is no intent."""
    return _intent(payload)


def text_of(payload: bytes) -> KeptText:
    """Raises msgspec.MsgspecError for what is no kept text."""
    return _text(payload)


def _encoded(value: RequestRecord | Intent | KeptText) -> bytes:
    try:
        return _encode(value)
    except UnicodeEncodeError:
        return _encode(_without_surrogates(msgspec.to_builtins(value)))


def _without_surrogates(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {_without_surrogates(key): _without_surrogates(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_without_surrogates(each) for each in value]
    return value
