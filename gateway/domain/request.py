"""What a client asks, in the gateway's own words: the wire formats are translated into this at the edge."""

from typing import Any, Literal

from msgspec import Struct

Role = Literal["system", "user", "assistant", "tool"]


class Message(Struct, frozen=True, kw_only=True):
    """One message of the conversation: its text joined, all else counted."""

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

    def last_human_text(self) -> str:
        """The text of the last message a user wrote; empty where there is none."""
        for message in reversed(self.messages):
            if message.role == "user" and message.text:
                return message.text
        return ""


class Caller(Struct, frozen=True, kw_only=True):
    """Whose key the request came with; `key_id` is safe to log."""

    key_id: str
    team: str = ""
    app: str = ""
