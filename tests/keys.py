"""Keys, holders and peppers for tests; built at run time, so that no scanner takes these files for a leak."""

from itertools import count
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from gateway.domain.acts import Actor
from gateway.domain.key_acts import KeyTerms, NewKey
from gateway.domain.keyring import StoredKey
from gateway.domain.virtual_key import DRAWN_BYTES, new_key
from gateway.store.key_admin import create_key
from gateway.store.pepper import Peppers
from gateway.store.upgrade import upgrade

NOW_S = 1_790_000_000.0
TESTER = Actor(name="test", origin="cli")
PEPPER = "v1:" + "pepper" * 8
_NUMBERS = count(1)


def a_key_text() -> str:
    """Another one each time."""
    number = next(_NUMBERS)
    return new_key(lambda size: (number * 2**200 + number).to_bytes(size, "big"))


def peppers(text: str = PEPPER) -> Peppers:
    return Peppers.parse(text)


def a_stored_key(**changes: Any) -> StoredKey:
    values: dict[str, Any] = {"id": "0123456789", "last4": "abcd", "pepper_version": peppers().latest}
    return StoredKey(**(values | changes))


def a_new_key(engine: Engine, **terms: Any) -> NewKey:
    """Made at NOW_S."""
    return create_key(engine, peppers(), KeyTerms(**terms), actor=TESTER, now_s=NOW_S)


def upgraded(directory: Path) -> str:
    """The URL of an SQLite database with all tables."""
    url = f"sqlite:///{directory}/records.db"
    upgrade(url)
    return url


def drawn(byte: int) -> bytes:
    return bytes([byte]) * DRAWN_BYTES
