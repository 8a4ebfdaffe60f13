"""IBM Cloud's access tokens: an API key is worth one for an hour, from IAM's token endpoint.

Source: IBM Cloud docs, "Generating an IBM Cloud IAM token by using an API key".
"""

import asyncio
from collections.abc import Callable
from typing import Final
from urllib.parse import urlencode

import msgspec
from msgspec import Struct

from gateway.domain.errors import (
    UpstreamConnectError,
    UpstreamCredentialsError,
    UpstreamError,
    UpstreamInvalidAnswerError,
    UpstreamUnavailableError,
)
from gateway.domain.policy import Deployment
from gateway.domain.provider_options import text_of
from gateway.providers.http_client import BodyTooLongError, HttpClient, HttpError
from gateway.providers.openai_errors import error_of

IBM_CLOUD: Final = "https://iam.cloud.ibm.com/identity/token"
_GRANT: Final = "urn:ibm:params:oauth:grant-type:apikey"
_HEADERS: Final = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
_MOST_BYTES: Final = 64 * 1024
_EARLY_S: Final = 60.0


class _Token(Struct):
    access_token: str
    expires_in: float


class IbmTokens:
    """Tokens by endpoint and key, each fetched once however many calls wait. `now` gives Unix time in seconds."""

    def __init__(self, client: HttpClient, *, now: Callable[[], float]) -> None:
        self._client = client
        self._now = now
        self._held: dict[tuple[str, str], tuple[str, float]] = {}
        self._locks: dict[tuple[str, str], asyncio.Lock] = {}

    async def token(self, deployment: Deployment, *, connect_s: float) -> str:
        """A token that is good for a minute at least. Raises UpstreamError."""
        if deployment.api_key is None:
            raise UpstreamCredentialsError(f"deployment {deployment.name!r} gives its provider no credentials")
        place = text_of(deployment.provider_options, "iam_url") or IBM_CLOUD, deployment.api_key.reveal()
        async with self._locks.setdefault(place, asyncio.Lock()):
            token, until_s = self._held.get(place, ("", 0.0))
            if self._now() >= until_s - _EARLY_S:
                said = await self._fetch(deployment.name, *place, connect_s=connect_s)
                token, until_s = said.access_token, self._now() + said.expires_in
                self._held[place] = token, until_s
            return token

    def forget(self) -> None:
        """Fetch anew what is next asked for: a token was not accepted."""
        self._held.clear()

    async def _fetch(self, name: str, url: str, key: str, *, connect_s: float) -> _Token:
        body = urlencode({"grant_type": _GRANT, "apikey": key}).encode()
        try:
            response = await self._client.post(url, _HEADERS, body, connect_s=connect_s)
        except HttpError as exc:
            kind = UpstreamConnectError if exc.is_connect else UpstreamUnavailableError
            raise kind(f"deployment {name!r}: no token from IAM: {exc}") from exc
        try:
            answer = await response.read(_MOST_BYTES)
        except (HttpError, BodyTooLongError) as exc:
            raise UpstreamUnavailableError(f"deployment {name!r}: no token from IAM: {exc}") from exc
        finally:
            response.close()
        if response.status != 200:
            raise self._refused(
                name, response.status, error_of(name, response.status, response.headers, b"", self._now())
            )
        try:
            return msgspec.json.decode(answer, type=_Token)
        except (msgspec.MsgspecError, UnicodeDecodeError) as exc:
            raise UpstreamInvalidAnswerError(f"deployment {name!r}: IAM answered without a token") from exc

    @staticmethod
    def _refused(name: str, status: int, said: UpstreamError) -> UpstreamError:
        """IAM answers 400 to a key that it does not know."""
        kind = UpstreamCredentialsError if status in {400, 401, 403} else type(said)
        return kind(f"deployment {name!r}: IAM answered {status}", status=status, retry_after_s=said.retry_after_s)
