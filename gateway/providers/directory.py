"""Which provider speaks a deployment's protocol; each is made when first needed."""

from collections.abc import Callable
from typing import Final

from gateway.domain.provider_options import SELF_HOSTED
from gateway.ports import Provider
from gateway.providers.anthropic_http import AnthropicProvider
from gateway.providers.http1 import Http1Client
from gateway.providers.openai_http import OpenAIProvider, api_key, azure_url, below
from gateway.providers.tgi_generate import TgiGenerateProvider
from gateway.providers.watsonx_http import WatsonxProvider
from gateway.providers.whole_stream import with_streams

_AI21: Final = "https://api.ai21.com/studio/v1"
_COHERE: Final = "https://api.cohere.ai/compatibility/v1"
"""What Cohere offers to OpenAI's clients; litellm cannot read the streams of its own format."""


class ProviderDirectory:
    """Maps the `provider` of a deployment to the `Provider` that serves it. `now` gives Unix time in seconds."""

    def __init__(self, *, now: Callable[[], float]) -> None:
        self._client = Http1Client()
        self._now = now
        openai = OpenAIProvider(self._client, now=now)
        ours: dict[str, Provider] = {
            **dict.fromkeys(SELF_HOSTED, openai),
            "openai": openai,
            "azure": OpenAIProvider(self._client, now=now, auth_header=api_key, url_of=azure_url),
            "ai21": OpenAIProvider(self._client, now=now, url_of=below(_AI21), asks_usage=False),
            "cohere": OpenAIProvider(self._client, now=now, url_of=below(_COHERE)),
            "anthropic": AnthropicProvider(self._client, now=now),
            "watsonx": WatsonxProvider(self._client, now=now),
            "tgi_generate": TgiGenerateProvider(self._client, now=now),
        }
        self._providers = {name: with_streams(name, provider) for name, provider in ours.items()}

    def get(self, name: str) -> Provider:
        """The provider of that name; any that is not our own is litellm's, which is imported only then."""
        provider = self._providers.get(name)
        if provider is None:
            from gateway.providers.litellm_client import LitellmProvider  # noqa: PLC0415 (litellm is 100 MB and seconds)

            provider = self._providers[name] = with_streams(name, LitellmProvider(name, now=self._now))
        return provider

    async def aclose(self) -> None:
        for provider in self._providers.values():
            await provider.aclose()
