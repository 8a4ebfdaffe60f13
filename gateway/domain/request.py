"""What a client asks, in the gateway's own words: the wire formats are translated into this at the edge."""

from typing import Any, Literal

from msgspec import Struct

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

    @property
    def tool_names(self) -> list[str]:
        """The names of the tools offered, in their order; of what has no name, its type."""
        payload = self.payload
        offered = [*(payload.get("tools") or ()), *(payload.get("functions") or ())] if self.tools else []
        return [name for tool in offered if isinstance(tool, dict) and (name := _tool_name(tool))]

    @property
    def metadata(self) -> dict[str, str]:
        """What of the body's `metadata` is text."""
        metadata = self.payload.get("metadata")
        if not isinstance(metadata, dict):
            return {}
        return {key: value for key, value in metadata.items() if isinstance(value, str)}


class Caller(Struct, frozen=True, kw_only=True):
    """Whose key the request came with; `key_id` is safe to log."""

    key_id: str
    team: str = ""
    app: str = ""
    tags: tuple[str, ...] = ()


def _tool_name(tool: dict[str, Any]) -> str:
    function = tool.get("function")
    name = (function if isinstance(function, dict) else tool).get("name") or tool.get("type")
    return name if isinstance(name, str) else ""
