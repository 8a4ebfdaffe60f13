"""IBM watsonx.ai's text chat: OpenAI's answers, its own paths and names in requests, and tokens for the key.

litellm's way there loses what a stream used and when to come back, and fetches tokens while everything else waits.
Source: IBM's API reference, "Infer text chat" and "Infer text chat event stream".
"""

from collections.abc import Callable
from typing import Final

import orjson

from gateway.domain.errors import UpstreamCredentialsError
from gateway.domain.policy import Deployment, Timeouts
from gateway.domain.provider_options import text_of
from gateway.domain.request import ChatRequest
from gateway.providers.http_client import HttpClient, HttpResponse
from gateway.providers.ibm_tokens import IbmTokens
from gateway.providers.openai_http import OpenAIProvider

VERSION: Final = "2024-10-08"
_NOT_ITS_OWN: Final = frozenset({"metadata", "model", "store", "stream", "stream_options", "user"})


class WatsonxProvider(OpenAIProvider):
    """`Provider` for watsonx. `now` gives Unix time in seconds."""

    def __init__(self, client: HttpClient, *, now: Callable[[], float]) -> None:
        super().__init__(client, now=now)
        self._tokens = IbmTokens(client, now=now)

    async def _post(self, deployment: Deployment, request: ChatRequest, timeouts: Timeouts) -> HttpResponse:
        try:
            return await super()._post(deployment, request, timeouts)
        except UpstreamCredentialsError:
            self._tokens.forget()
            raise

    async def _written(
        self, deployment: Deployment, request: ChatRequest, timeouts: Timeouts
    ) -> tuple[str, dict[str, str], bytes]:
        token = await self._tokens.token(deployment, connect_s=timeouts.connect_s)
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
        return _url(deployment, request), headers, _body(deployment, request)


def _url(deployment: Deployment, request: ChatRequest) -> str:
    operation = "chat_stream" if request.stream else "chat"
    return f"{deployment.api_base}/ml/v1/text/{operation}?version={VERSION}"


def _body(deployment: Deployment, request: ChatRequest) -> bytes:
    """`tool_choice` is a tool here; what OpenAI also says with it has a key of its own."""
    payload = {name: value for name, value in request.payload.items() if name not in _NOT_ITS_OWN}
    if isinstance(payload.get("tool_choice"), str):
        payload["tool_choice_option"] = payload.pop("tool_choice")
    named = {name: text_of(deployment.provider_options, name) for name in ("project_id", "space_id")}
    given = {name: value for name, value in named.items() if value is not None}
    return orjson.dumps({**payload, "model_id": deployment.model, **given})
