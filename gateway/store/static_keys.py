"""Client keys from the settings."""

import hashlib
from collections.abc import Iterable

from gateway.domain.errors import AuthenticationError, UnknownKeyError
from gateway.domain.request import Caller

_ID_DIGITS = 16


class StaticKeys:
    """`KeyStore` over a fixed list. Keys are looked up by SHA-256, so timing tells nothing of their text."""

    def __init__(self, keys: Iterable[str]) -> None:
        digests = (_digest(key) for key in keys)
        self._callers = {digest: Caller(key_id=f"key_{digest.hex()[:_ID_DIGITS]}") for digest in digests}

    def authenticate(self, credential: str | None) -> Caller:
        if credential is None:
            raise AuthenticationError("no API key: send `Authorization: Bearer` with a key the gateway knows")
        caller = self._callers.get(_digest(credential))
        if caller is None:
            raise UnknownKeyError("the API key is not one the gateway knows")
        return caller


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()
