"""How OpenAI-compatible servers report tokens, and the part of an answer the gateway reads."""

from typing import Any

from msgspec import Struct

from gateway.domain.usage import MoreUsage, Usage
from gateway.providers.usage_counts import count, service_tier, usage_of


class _PromptDetails(Struct):
    """Sound is all there is of it in the prompt, the cached part included. Writes to a cache have two names."""

    cached_tokens: int | None = None
    audio_tokens: Any = None
    image_tokens: Any = None
    cache_write_tokens: Any = None
    cache_creation_tokens: Any = None
    cache_creation_token_details: Any = None
    cached_tokens_details: Any = None
    web_search_requests: Any = None


class _CompletionDetails(Struct):
    reasoning_tokens: Any = None
    audio_tokens: Any = None
    image_tokens: Any = None


class WireUsage(Struct):
    """`usage` of an answer or of a stream's last chunk; servers leave fields out or send null.

    prompt_cache_hit_tokens, cached_tokens  where DeepSeek and Moonshot say what came from the cache
    reasoning_tokens, citation_tokens, num_search_queries  Perplexity's
    server_tool_use                         Anthropic's, by way of litellm
    """

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: _PromptDetails | None = None
    completion_tokens_details: _CompletionDetails | None = None
    total_tokens: Any = None
    prompt_cache_hit_tokens: Any = None
    cached_tokens: Any = None
    reasoning_tokens: Any = None
    citation_tokens: Any = None
    num_search_queries: Any = None
    server_tool_use: Any = None

    def plain(self, tier: Any = None) -> Usage | None:
        """None where the counts are missing or make no sense. `tier`: the answer's `service_tier`."""
        details = self.prompt_tokens_details
        cached = (details.cached_tokens if details else None) or count(
            self.prompt_cache_hit_tokens or self.cached_tokens
        )
        told = _said(self.completion_tokens_details, "reasoning_tokens") or self.reasoning_tokens
        output, reasoning = self.completion_tokens, count(told)
        if reasoning and output is not None and self._has_reasoning_beside(output, reasoning):
            output += reasoning
        return usage_of(self.prompt_tokens, output, cached, self._more(cached, reasoning, tier))

    def _has_reasoning_beside(self, output: int, reasoning: int) -> bool:
        """xAI counts thought beside the completion, and its total tells; Perplexity does, and its size tells."""
        if self.prompt_tokens is None:
            return False
        return reasoning > output or self.total_tokens == self.prompt_tokens + output + reasoning

    def _more(self, cached: int, reasoning: int, tier: Any) -> MoreUsage | None:
        """None where there is nothing but text, as in nearly all answers."""
        prompt, completion = self.prompt_tokens_details, self.completion_tokens_details
        audio, image = count(_said(prompt, "audio_tokens")), count(_said(prompt, "image_tokens"))
        written = count(_said(prompt, "cache_write_tokens") or _said(prompt, "cache_creation_tokens"))
        audio_out, image_out = count(_said(completion, "audio_tokens")), count(_said(completion, "image_tokens"))
        searches = self._searches()
        citations = count(self.citation_tokens)
        served_at = service_tier(tier)
        if not (audio or image or written or reasoning or audio_out or image_out or searches or citations or served_at):
            return None
        for_an_hour = min(
            count(_in(_said(prompt, "cache_creation_token_details"), "ephemeral_1h_input_tokens")), written
        )
        cached_audio = self._cached_audio(cached, audio, image)
        return MoreUsage(
            cache_write_tokens=written - for_an_hour,
            cache_write_1h_tokens=for_an_hour,
            audio_input_tokens=audio - cached_audio,
            image_input_tokens=image,
            cached_audio_input_tokens=cached_audio,
            reasoning_tokens=reasoning,
            audio_output_tokens=audio_out,
            image_output_tokens=image_out,
            citation_tokens=citations,
            searches=searches,
            service_tier=served_at,
        )

    def _cached_audio(self, cached: int, audio: int, image: int) -> int:
        """Where nobody says what was cached, it was text as far as there is any: sound that was not is dearer."""
        told = _in(_said(self.prompt_tokens_details, "cached_tokens_details"), "audio_tokens")
        if told is not None:
            return min(count(told), cached, audio)
        return min(max(0, cached - ((self.prompt_tokens or 0) - audio - image)), audio)

    def _searches(self) -> int:
        told = _said(self.prompt_tokens_details, "web_search_requests") or _in(
            self.server_tool_use, "web_search_requests"
        )
        return count(told or self.num_search_queries)


class WireCompletion(Struct):
    """A whole answer, as far as the gateway looks into it."""

    choices: list[Any] | None = None
    usage: WireUsage | None = None
    error: Any = None
    service_tier: Any = None


def _said(details: Struct | None, name: str) -> Any:
    return None if details is None else getattr(details, name)


def _in(details: Any, name: str) -> Any:
    """A count among details that few servers send."""
    return details.get(name) if isinstance(details, dict) else None
