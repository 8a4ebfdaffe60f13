"""An OpenAI chat request → the body of a Messages request; what only OpenAI's format can say is refused by name.

What has no effect on an answer is left out (`_UNHEARD`), as are values that ask for what happens anyway (`_NEUTRAL`).
A temperature above 1, the API's highest, becomes 1, as in the vendor's own endpoint for OpenAI clients.
`reasoning_effort` becomes `output_config.effort`, and `none` switches thinking off; a JSON schema becomes
`output_config.format`. Which model takes an effort, a temperature or a schema is for the API to say, and its verdict
reaches the client. `thinking`, `top_k` and `cache_control` are the API's own and go through as they are.
"""

from collections.abc import Mapping
from typing import Any, Final

import orjson

from gateway.domain.policy import Deployment
from gateway.domain.request import ChatRequest
from gateway.providers.anthropic_turns import Block, conversation, refused

DEFAULT_MAX_TOKENS: Final = 16_384
"""The API demands a limit, OpenAI's clients seldom give one: beyond what chats need, and below the 21,333 tokens above
which the vendor's SDKs want a stream. A budget for thinking comes on top."""

_TAKEN: Final = frozenset({
    "cache_control", "max_completion_tokens", "max_tokens", "messages", "parallel_tool_calls", "reasoning_effort",
    "response_format", "safety_identifier", "service_tier", "stop", "temperature", "thinking", "tool_choice", "tools",
    "top_k", "top_p", "user",
})  # fmt: skip
_UNHEARD: Final = frozenset({
    "metadata", "model", "prediction", "prompt_cache_key", "prompt_cache_options", "prompt_cache_retention", "seed",
    "store", "stream", "stream_options",
})  # fmt: skip
"""What the gateway itself sees to, and wishes that promise nothing: about storage, caches, speed and chance."""

_NEUTRAL: Final[Mapping[str, Any]] = {
    "frequency_penalty": 0,
    "functions": [],
    "function_call": "none",
    "logit_bias": {},
    "logprobs": False,
    "modalities": ["text"],
    "n": 1,
    "presence_penalty": 0,
    "top_logprobs": 0,
    "verbosity": "medium",
}
_TIERS: Final[Mapping[str, str | None]] = {"auto": None, "default": "standard_only", "standard_only": "standard_only"}
_EFFORTS: Final[Mapping[str, str]] = {
    "minimal": "low",
    **{effort: effort for effort in ("low", "medium", "high", "xhigh", "max")},
}
_CHOICES: Final[Mapping[str, str]] = {"auto": "auto", "none": "none", "required": "any"}


def messages_body(deployment: Deployment, request: ChatRequest) -> bytes:
    """The body to send. Raises UpstreamRejectedError, with `param`, for a field that has no counterpart."""
    payload = {name: value for name, value in request.payload.items() if value is not None}
    _check_fields(payload)
    system, turns = conversation(payload["messages"])
    fields = {
        "model": deployment.model,
        "max_tokens": _max_tokens(payload),
        "system": system or None,
        "messages": turns,
        "stream": request.stream or None,
        "stop_sequences": _stop_sequences(payload.get("stop")),
        "temperature": _temperature(payload.get("temperature")),
        "top_p": None if payload.get("top_p") == 1 else payload.get("top_p"),
        "top_k": payload.get("top_k"),
        "tools": _tools(payload.get("tools")),
        "tool_choice": _tool_choice(payload),
        "thinking": _thinking(payload),
        "output_config": _output_config(payload),
        "metadata": _metadata(payload),
        "service_tier": _chosen(_TIERS, payload, "service_tier"),
        "cache_control": payload.get("cache_control"),
    }
    return orjson.dumps({name: value for name, value in fields.items() if value is not None})


def _check_fields(payload: Block) -> None:
    for name, value in payload.items():
        if name in _TAKEN or name in _UNHEARD or (name in _NEUTRAL and value == _NEUTRAL[name]):
            continue
        raise refused(name[:64], "has no counterpart there; leave it out")


def _max_tokens(payload: Block) -> int:
    for name in ("max_completion_tokens", "max_tokens"):
        if name in payload:
            return int(payload[name])
    thinking = payload.get("thinking")
    budget = thinking.get("budget_tokens") if isinstance(thinking, dict) else None
    return DEFAULT_MAX_TOKENS + (budget if isinstance(budget, int) else 0)


def _stop_sequences(stop: Any) -> list[str] | None:
    if stop is None:
        return None
    sequences = [stop] if isinstance(stop, str) else stop
    if not isinstance(sequences, list) or not all(isinstance(text, str) and text.strip() for text in sequences):
        raise refused("stop", "must be texts with a visible character each")
    return sequences or None


def _temperature(temperature: float | None) -> float | None:
    """None where it is the API's own: models without one take no other either."""
    return None if temperature is None or temperature >= 1 else temperature


def _tools(tools: list[Any] | None) -> list[Block] | None:
    return [_tool(tool, f"tools[{index}]") for index, tool in enumerate(tools)] if tools else None


def _tool(tool: Any, where: str) -> Block:
    function = tool.get("function") if isinstance(tool, dict) else None
    if not isinstance(function, dict) or tool.get("type") != "function":
        raise refused(where, "must be a function")
    schema = function.get("parameters") or {}
    if not isinstance(schema, dict):
        raise refused(f"{where}.function.parameters", "must be a JSON schema")
    kept = {name: function[name] for name in ("description", "strict") if function.get(name)}
    cached = {"cache_control": tool["cache_control"]} if tool.get("cache_control") else {}
    return {"name": function.get("name"), "input_schema": {"type": "object", **schema}, **kept, **cached}


def _tool_choice(payload: Block) -> Block | None:
    choice, at_once = payload.get("tool_choice"), payload.get("parallel_tool_calls")
    if not payload.get("tools"):
        return None
    chosen: Block = {"type": "auto"}
    if isinstance(choice, str) and choice in _CHOICES:
        chosen = {"type": _CHOICES[choice]}
    elif isinstance(choice, dict) and choice.get("type") == "function" and isinstance(choice.get("function"), dict):
        chosen = {"type": "tool", "name": choice["function"].get("name")}
    elif choice is not None:
        raise refused("tool_choice", "must be none, auto, required or one function")
    if at_once is False and chosen["type"] != "none":
        chosen["disable_parallel_tool_use"] = True
    return None if chosen == {"type": "auto"} else chosen


def _thinking(payload: Block) -> Any:
    is_off = payload.get("reasoning_effort") == "none"
    return payload.get("thinking", {"type": "disabled"} if is_off else None)


def _output_config(payload: Block) -> Block | None:
    config: Block = {}
    if payload.get("reasoning_effort") != "none" and (effort := _chosen(_EFFORTS, payload, "reasoning_effort")):
        config["effort"] = effort
    answer = payload.get("response_format") or {}
    if answer.get("type", "text") == "json_schema":
        held = answer.get("json_schema")
        schema = held.get("schema") if isinstance(held, dict) else None
        if not isinstance(schema, dict):
            raise refused("response_format.json_schema.schema", "must be a JSON schema")
        config["format"] = {"type": "json_schema", "schema": schema}
    elif answer.get("type", "text") != "text":
        raise refused("response_format", "must be text or json_schema: there is no JSON mode without a schema")
    return config or None


def _metadata(payload: Block) -> Block | None:
    user = payload.get("safety_identifier") or payload.get("user")
    return {"user_id": user} if user else None


def _chosen(known: Mapping[str, str | None], payload: Block, name: str) -> str | None:
    value = payload.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or value not in known:
        raise refused(name, f"must be one of {', '.join(known)}")
    return known[value]
