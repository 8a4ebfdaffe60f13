"""The pepper: the secret under which keys are digested, kept apart from the database that holds the digests.

With the database alone nobody can tell whether a key is one of those in it, nor make one that would be.
"""

import hmac
import os
import re
import secrets
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Final

from gateway.store.urls import sqlite_path

PEPPER_VARIABLE: Final = "SIZEWISE_KEY_PEPPER"
SHORTEST: Final = 32
_PART: Final = re.compile(r"(v[0-9]{1,6}):(\S+)")
_FORM: Final = f"give `v1:` and at least {SHORTEST} random characters, such as v1:$(openssl rand -hex 32)"


class PepperError(Exception):
    """The pepper is of no form we know, or not the one that is needed. Never shows any of it."""


class Peppers:
    """Every pepper there is, by version; new keys are digested with the last.

    A version is the number its pepper was given and six characters that a pepper of other text would not have, as in
    `v1-3fa9c2`: so a wrong pepper is told from the right one before any key comes.
    """

    def __init__(self, by_number: Mapping[str, bytes]) -> None:
        self._by_version = {f"{number}-{_mark(pepper)}": pepper for number, pepper in by_number.items()}
        self.latest = next(reversed(self._by_version))

    @classmethod
    def parse(cls, text: str) -> "Peppers":
        """Of `v1:SECRET` or `v1:SECRET,v2:SECRET`. Raises PepperError."""
        by_number: dict[str, bytes] = {}
        for place, part in enumerate(text.split(","), 1):
            match = _PART.fullmatch(part.strip())
            if match is None or len(match[2]) < SHORTEST:
                raise PepperError(f"{PEPPER_VARIABLE}: part {place} is no pepper; {_FORM}")
            if match[1] in by_number:
                raise PepperError(f"{PEPPER_VARIABLE}: there are two of number {match[1]!r}; number them apart")
            by_number[match[1]] = match[2].encode()
        return cls(by_number)

    @classmethod
    def unknown(cls) -> "Peppers":
        """One that no key was ever digested with, where none is given: every key is refused, in the same time."""
        return cls({"none": secrets.token_bytes(SHORTEST)})

    @property
    def versions(self) -> Collection[str]:
        return self._by_version.keys()

    def digest(self, key: str) -> bytes:
        """Under the last of them."""
        return hmac.digest(self._by_version[self.latest], key.encode(), "sha256")

    def matches(self, key: str, version: str, digest: bytes) -> bool:
        """In the same time whatever the digest; under the last of them where there is none of that version."""
        pepper = self._by_version.get(version) or self._by_version[self.latest]
        return hmac.compare_digest(hmac.digest(pepper, key.encode(), "sha256"), digest)


def _mark(pepper: bytes) -> str:
    return hmac.digest(pepper, b"which pepper this is", "sha256").hex()[:6]


def pepper_file(database_url: str) -> Path:
    """Where the demo keeps its pepper: beside the database where that is a file, else below the working directory."""
    path = sqlite_path(database_url)
    return (Path(".sizewise") if path is None else path.parent) / "key-pepper"


def read_or_make(file: Path, draw: Callable[[int], str] = secrets.token_hex) -> str:
    """The pepper in that file, which is made, for its owner's eyes only, where it is not there. Raises OSError."""
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return file.read_text(encoding="utf-8").strip()
    with open(descriptor, "w", encoding="utf-8") as made:  # noqa: PTH123 (of a descriptor)
        made.write(f"v1:{draw(32)}\n")
    return file.read_text(encoding="utf-8").strip()
