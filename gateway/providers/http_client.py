"""The upstream HTTP client: two methods to call with, three to read with, aiohttp behind them.

Chosen by measurement, among other things on what happens to the upstream's connection when a call is cancelled:
docs/decisions/003-upstream-http-client.md.
"""

import asyncio
from collections.abc import Mapping
from typing import Protocol

import aiohttp
from yarl import URL

_MOST_CONNECTIONS = 2_000
_KEEP_ALIVE_S = 30.0


class HttpError(Exception):
    """The exchange failed below HTTP. `is_connect`: before the request could have been read."""

    def __init__(self, message: str, *, is_connect: bool) -> None:
        super().__init__(message)
        self.is_connect = is_connect


class BodyTooLongError(Exception):
    """The answer's body is longer than the caller takes."""


class HttpResponse(Protocol):
    """An answer whose head has come. Its body is read once: whole, or piece by piece."""

    @property
    def status(self) -> int: ...
    @property
    def headers(self) -> Mapping[str, str]:
        """Names are looked up whatever their case."""
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


class HttpClient(Protocol):
    async def post(self, url: str, headers: Mapping[str, str], body: bytes, *, connect_s: float) -> HttpResponse:
        """Send a request and wait for the head of its answer; cancelling closes the connection. Raises HttpError."""
        ...

    async def aclose(self) -> None: ...


class AiohttpResponse:
    """`HttpResponse` on aiohttp."""

    __slots__ = ("_response",)

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response

    @property
    def status(self) -> int:
        return self._response.status

    @property
    def headers(self) -> Mapping[str, str]:
        return self._response.headers

    async def read(self, limit_bytes: int) -> bytes:
        declared = self._response.content_length
        if declared is not None and declared > limit_bytes:
            raise BodyTooLongError
        parts = [await self.read_some()]
        size = len(parts[0])
        while not self._response.content.at_eof():
            parts.append(await self.read_some())
            size += len(parts[-1])
            if size > limit_bytes:
                raise BodyTooLongError
        return parts[0] if len(parts) == 1 else b"".join(parts)

    async def read_some(self) -> bytes:
        try:
            return await self._response.content.readany()
        except (aiohttp.ClientError, OSError) as exc:
            raise HttpError("the answer broke off", is_connect=False) from exc

    def close(self) -> None:
        if self._response.content.at_eof():
            self._response.release()
        else:
            self._response.close()


class AiohttpClient:
    """`HttpClient` on aiohttp: one pool for all upstreams, made on first use, inside the loop that uses it.

    It follows no redirect, reads no proxy settings or netrc, keeps no cookies and asks for no compression.
    """

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None
        self._timeouts: dict[float, aiohttp.ClientTimeout] = {}
        self._urls: dict[str, URL] = {}

    async def post(self, url: str, headers: Mapping[str, str], body: bytes, *, connect_s: float) -> AiohttpResponse:
        session = self._session or self._open()
        try:
            response = await session.post(
                self._url(url), headers=headers, data=body, allow_redirects=False, timeout=self._timeout(connect_s)
            )
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as exc:
            raise HttpError(_connect_failure(exc), is_connect=True) from exc
        except (aiohttp.ClientError, OSError) as exc:
            raise HttpError("the connection broke before an answer came", is_connect=False) from exc
        return AiohttpResponse(response)

    async def aclose(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _open(self) -> aiohttp.ClientSession:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=_MOST_CONNECTIONS, keepalive_timeout=_KEEP_ALIVE_S),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            skip_auto_headers=("Accept-Encoding", "User-Agent"),
            loop=asyncio.get_running_loop(),
        )
        return self._session

    def _url(self, url: str) -> URL:
        known = self._urls.get(url)
        if known is None:
            known = self._urls[url] = URL(url, encoded=True)
        return known

    def _timeout(self, connect_s: float) -> aiohttp.ClientTimeout:
        known = self._timeouts.get(connect_s)
        if known is None:
            known = self._timeouts[connect_s] = aiohttp.ClientTimeout(total=None, sock_connect=connect_s)
        return known


def _connect_failure(exc: aiohttp.ClientError | TimeoutError) -> str:
    """Why there is no connection, in words that name no address."""
    reasons: tuple[tuple[type[Exception], str], ...] = (
        (aiohttp.ClientConnectorDNSError, "its host name does not resolve"),
        (aiohttp.ClientSSLError, "its TLS certificate or handshake was refused"),
        (aiohttp.ConnectionTimeoutError, "it took no connection in time"),
    )
    return next((reason for kind, reason in reasons if isinstance(exc, kind)), "it refused the connection")
