"""What a row of the provider matrix is made of: how a policy file names the provider, and how its API behaves."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, Protocol

from gateway.domain.errors import (
    ContentFilterError,
    ContextOverflowError,
    UpstreamCredentialsError,
    UpstreamError,
    UpstreamRateLimitError,
    UpstreamUnavailableError,
)
from gateway.domain.provider_options import SELF_HOSTED
from tests.conformance.upstream import Heard, Reply

Lack = Literal["stop", "stream", "tools"]
Failure = Literal["credentials", "rate_limit", "overflow", "content_filter", "unavailable"]

MEANING: Final[Mapping[Failure, type[UpstreamError]]] = {
    "credentials": UpstreamCredentialsError,
    "rate_limit": UpstreamRateLimitError,
    "overflow": ContextOverflowError,
    "content_filter": ContentFilterError,
    "unavailable": UpstreamUnavailableError,
}
RETRY_AFTER_S: Final = 7
CHAT: Final[Mapping[str, Any]] = {
    "model": "auto",
    "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Hello."},
        {"role": "user", "content": "Weather in Oslo?"},
    ],
    "max_tokens": 64,
    "temperature": 0.25,
    "stop": ["END"],
}
PARAMETERS: Final = {"type": "object", "properties": {"place": {"type": "string"}}, "required": ["place"]}
TOOL: Final = {
    "type": "function",
    "function": {"name": "weather", "description": "Weather at a place", "parameters": PARAMETERS},
}


def chat(row: "Row", *, stream: bool = False, tool: bool = False) -> dict[str, Any]:
    """What a client asks of a row: `CHAT`, less what the row lacks."""
    lacking = {"stop"} if "stop" in row.lacks else set()
    asked = {key: value for key, value in CHAT.items() if key not in lacking}
    return asked | ({"tools": [TOOL]} if tool else {}) | ({"stream": True} if stream else {})


def secret() -> str:
    """A credential that is none: made here, so that no file holds anything that looks like one."""
    return "not-a-secret"


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What the model says, in provider-neutral words. `calls_tool`: instead of the text, `weather(place=Oslo)`."""

    pieces: tuple[str, ...] = ("Rain", " in", " Oslo.")
    calls_tool: bool = False
    input_tokens: int = 21
    output_tokens: int = 5
    cached_tokens: int = 0


class Api(Protocol):
    """A provider's API from its own side."""

    def refusal(self, heard: Heard) -> str | None:
        """Why the provider would not take the request: path, credential, unknown fields; None if it would."""
        ...

    def body(self, row: "Row", *, stream: bool, tool: bool) -> Any:
        """The JSON that the request of `chat` must arrive as."""
        ...

    def whole(self, said: Said) -> Reply: ...
    def stream(self, said: Said) -> Reply: ...
    def failure(self, failure: Failure) -> Reply | None:
        """Its own error of that kind; None where it has none."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Row:
    """One line of the matrix.

    path       what follows the server's address in `api_base`; `real_base` is what an operator writes there
    options    `provider_options`, `{url}` standing for the server; of `secrets` the value that its `${NAME}` stands for
    lacks      what the provider, or litellm for it, does not do; without a stream its answers are streamed in one piece
    is_priced  whether the bundled price map knows it
    not_done   what is not supported and why, for the matrix
    """

    title: str
    provider: str
    model: str
    api: Api
    path: str = ""
    real_base: str = ""
    has_key: bool = True
    options: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, Callable[[str], str]] = field(default_factory=dict)
    lacks: frozenset[Lack] = frozenset()
    is_priced: bool = False
    not_done: str = ""

    @property
    def is_ours(self) -> bool:
        """Whether our own code speaks to it, rather than litellm."""
        return self.provider in {"ai21", "anthropic", "azure", "cohere", "openai", "watsonx", *SELF_HOSTED}

    @property
    def has_stream(self) -> bool:
        """Whether the provider streams; else a streaming client gets its whole answer in one piece."""
        return "stream" not in self.lacks

    def reply(self, said: Said, *, stream: bool) -> Reply:
        """What the provider answers to a client that asks for a stream or not."""
        return self.api.stream(said) if stream and self.has_stream else self.api.whole(said)

    def body(self, *, stream: bool, tool: bool = False) -> Any:
        """What the provider is sent when a client asks for a stream or not."""
        return self.api.body(self, stream=stream and self.has_stream, tool=tool)

    def pieces(self, said: Said) -> list[str]:
        """What a streaming client is told, chunk by chunk."""
        return list(said.pieces) if self.has_stream else ["".join(said.pieces)]

    @property
    def name(self) -> str:
        return "".join(letter if letter.isalnum() else "-" for letter in self.title.lower()).strip("-")
