"""How OpenAI-compatible servers report tokens, and the part of an answer the gateway reads."""

from typing import Any

from msgspec import Struct

from gateway.domain.usage import Usage


class _PromptDetails(Struct):
    cached_tokens: int | None = None


class WireUsage(Struct):
    """`usage` of an answer or of a stream's last chunk; servers leave fields out or send null."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: _PromptDetails | None = None

    def plain(self) -> Usage | None:
        """None where the counts are missing or make no sense."""
        cached = (self.prompt_tokens_details.cached_tokens if self.prompt_tokens_details else None) or 0
        if self.prompt_tokens is None or self.completion_tokens is None:
            return None
        if not 0 <= cached <= self.prompt_tokens or self.completion_tokens < 0:
            return None
        return Usage(input_tokens=self.prompt_tokens, output_tokens=self.completion_tokens, cached_input_tokens=cached)


class WireCompletion(Struct):
    """A whole answer, as far as the gateway looks into it."""

    choices: list[Any] | None = None
    usage: WireUsage | None = None
    error: Any = None
