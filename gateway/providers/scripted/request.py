"""What a script needs to know of a chat completion request; the rest of the body is accepted and ignored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import orjson


class InvalidRequestError(Exception):
    """The body is not a chat completion request; answered with a 400 that says so."""

    def __init__(self, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.param = param


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatRequest:
    """A chat completion request, as far as scripts care.

    json_schema     the schema the answer must follow ({} for `json_object`), None when prose is fine
    tool_name       the first function offered, None without tools
    prompt_tokens   a stand-in for a tokenizer: body bytes // 4, at least 1
    """

    model: str
    stream: bool = False
    include_usage: bool = False
    logprobs: bool = False
    json_schema: Mapping[str, object] | None = None
    tool_name: str | None = None
    prompt_tokens: int = 1


def parse_chat_request(body: bytes, *, deployment: str | None = None) -> ChatRequest:
    """Read a body. `deployment` is the model named by an Azure path, used when the body names none.

    Raises InvalidRequestError.
    """
    try:
        data = orjson.loads(body)
    except orjson.JSONDecodeError as exc:
        raise InvalidRequestError("We could not parse the JSON body of your request.") from exc
    if not isinstance(data, dict):
        raise InvalidRequestError("The JSON body of your request is not an object.")
    model = data.get("model", deployment)
    if not isinstance(model, str):
        raise InvalidRequestError("You must provide a model parameter.", "model")
    if not isinstance(data.get("messages"), list):
        raise InvalidRequestError("Missing required parameter: 'messages'.", "messages")
    return ChatRequest(
        model=model,
        stream=data.get("stream") is True,
        include_usage=_mapping(data.get("stream_options")).get("include_usage") is True,
        logprobs=data.get("logprobs") is True,
        json_schema=_json_schema(_mapping(data.get("response_format"))),
        tool_name=_first_tool(data.get("tools")),
        prompt_tokens=max(1, len(body) // 4),
    )


def deployment_in(path: bytes) -> str | None:
    """The deployment an Azure path names: `/openai/deployments/NAME/chat/completions`."""
    _, found, rest = path.partition(b"/deployments/")
    return rest.split(b"/", 1)[0].decode("latin-1") if found else None


def _json_schema(response_format: Mapping[str, object]) -> Mapping[str, object] | None:
    if response_format.get("type") == "json_schema":
        return _mapping(_mapping(response_format.get("json_schema")).get("schema"))
    return {} if response_format.get("type") == "json_object" else None


def _first_tool(tools: object) -> str | None:
    if not isinstance(tools, list) or not tools:
        return None
    name = _mapping(_mapping(tools[0]).get("function")).get("name")
    return name if isinstance(name, str) else None


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}
