"""What a provider needs of HTTP: two methods to call with, three to read with.

`http1.py` stands behind it; why, and what it was measured against: docs/decisions/003-upstream-http-client.md.
"""

from collections.abc import Mapping
from typing import Protocol


class HttpError(Exception):
    """The exchange failed below HTTP.

    is_connect  before the request could have been read
    is_tls      for the other side is not who it should be, or cannot prove it
    """

    def __init__(self, message: str, *, is_connect: bool, is_tls: bool = False) -> None:
        super().__init__(message)
        self.is_connect = is_connect
        self.is_tls = is_tls


class BodyTooLongError(Exception):
    """The answer's body is longer than the caller takes."""


class HttpResponse(Protocol):
    """An answer whose head has come. Its body is read once: whole, or piece by piece."""

    @property
    def status(self) -> int: ...
    @property
    def headers(self) -> Mapping[str, str]:
        """Names are in lower case; of a name that stands twice, the last value."""
        ...

    async def read(self, limit_bytes: int) -> bytes:
        """The whole body. Raises HttpError where it breaks off, BodyTooLongError beyond the limit."""
        ...

    async def read_some(self) -> bytes:
        """What has come since the last call, empty at the end. Raises HttpError where the body breaks off."""
        ...

    def close(self) -> None:
        """Give the connection back where the body is read, else close it. May be called twice."""
        ...

    def finish(self) -> None:
        """`close` for a body of which nothing more is wanted: it is given a moment to end, behind the caller's back."""
        ...


class HttpClient(Protocol):
    async def post(self, url: str, headers: Mapping[str, str], body: bytes, *, connect_s: float) -> HttpResponse:
        """Send a request and wait for the head of its answer; cancelling closes the connection. Raises HttpError."""
        ...

    async def aclose(self) -> None: ...
