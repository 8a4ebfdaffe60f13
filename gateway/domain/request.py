"""What a client asks, in the gateway's own words: the wire formats are translated into this at the edge."""

from itertools import islice
from typing import Any, Final, Literal

from msgspec import Struct

from gateway.domain.allowances import Allowance

_MOST_TOOLS = 1_000
_MOST_METADATA = 64
_LONGEST_TEXT = 4_096
"""Conditions may search what a client wrote with patterns of the policy's: it is bounded, so that the search is."""

Role = Literal["system", "user", "assistant", "tool"]


class Message(Struct, frozen=True, kw_only=True):
    """One message of the conversation: its text joined, what it passes to tools included; all else counted."""

    role: Role
    text: str
    images: int = 0
    tool_calls: int = 0


class ChatRequest(Struct, frozen=True, kw_only=True):
    """A chat request, validated.

    payload   the client's JSON object as parsed; relayed with only `model` and what the gateway adds rewritten
    alias     the model the client asked for
    """

    alias: str
    messages: tuple[Message, ...]
    payload: dict[str, Any]
    size_bytes: int
    stream: bool = False
    wants_usage: bool = False
    """The client asked for the usage chunk of its stream."""
    tools: int = 0
    structured: bool = False
    """The answer must be JSON (`response_format`)."""
    max_output_tokens: int | None = None
    aside: str = ""
    """What else is sent on and may hold anything: names, ids, metadata, fields we do not know; not the definitions of
    tools and schemas."""

    @property
    def tool_names(self) -> list[str]:
        """The names of the tools offered, in their order; of what has no name, its type."""
        payload = self.payload
        offered = [*(payload.get("tools") or ()), *(payload.get("functions") or ())] if self.tools else []
        return [name for tool in offered[:_MOST_TOOLS] if isinstance(tool, dict) and (name := _tool_name(tool))]

    @property
    def metadata(self) -> dict[str, str]:
        """What of the body's `metadata` is text, within bounds far beyond what providers take."""
        metadata = self.payload.get("metadata")
        if not isinstance(metadata, dict):
            return {}
        texts = ((key, value) for key, value in metadata.items() if isinstance(value, str))
        return {key[:_LONGEST_TEXT]: value[:_LONGEST_TEXT] for key, value in islice(texts, _MOST_METADATA)}


class Caller(Struct, frozen=True, kw_only=True):
    """Whose key the request came with; `key_id` is safe to log.

    models      the aliases it may ask for; None: all
    allowances  of its key, its team and its application, those that have any
    """

    key_id: str
    team: str = ""
    app: str = ""
    tags: tuple[str, ...] = ()
    models: frozenset[str] | None = None
    allowances: tuple[Allowance, ...] = ()

    @property
    def counted_with(self) -> str:
        """Whose counts its limits and budgets are kept with: those of its team, or its own."""
        return self.team or self.key_id

    def may_ask_for(self, alias: str) -> bool:
        return self.models is None or alias in self.models


NOBODY: Final = Caller(key_id="")
"""Where it is not known who asks."""


def _tool_name(tool: dict[str, Any]) -> str:
    function = tool.get("function")
    name = (function if isinstance(function, dict) else tool).get("name") or tool.get("type")
    return name[:_LONGEST_TEXT] if isinstance(name, str) else ""
