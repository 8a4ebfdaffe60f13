"""OpenAI's chat completions, and the servers that speak them, each with its own fields, credentials and errors."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from tests.conformance.row import CHAT, RETRY_AFTER_S, TOOL, Failure, Row, Said, chat, secret
from tests.conformance.upstream import Heard, Reply, json_reply, sse

RELAYED: Final = frozenset({*CHAT, "stream", "stream_options", "tools"})
Errors = Mapping[Failure, tuple[int, Any]]
Body = Callable[[Row, bool, bool], dict[str, Any]]


def relayed(row: Row, stream: bool, tool: bool) -> dict[str, Any]:
    """As our own relay sends it: the client's fields, the deployment's model, usage asked for."""
    options = {"stream_options": {"include_usage": True}} if stream else {}
    return {**chat(row, stream=stream, tool=tool), "model": row.model, **options}


def openai_error(message: str, kind: str, code: str | int | None) -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


OPENAI_ERRORS: Final[Errors] = {
    "credentials": (401, openai_error("Incorrect API key provided.", "invalid_request_error", "invalid_api_key")),
    "rate_limit": (429, openai_error("Rate limit reached.", "requests", "rate_limit_exceeded")),
    "overflow": (
        400,
        openai_error("This model's maximum context length is …", "invalid_request_error", "context_length_exceeded"),
    ),
    "content_filter": (400, openai_error("Invalid prompt: flagged.", "invalid_request_error", "invalid_prompt")),
    "unavailable": (503, openai_error("The engine is overloaded.", "server_error", None)),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenAIApi:
    """`Api` of a server that speaks OpenAI's format.

    path           of its chat completions, with the query
    header         which header carries the credential, and how it begins; None: none may come
    fields         what it knows; anything else is refused
    sent           the body that must arrive
    usage_arrives  last: in a chunk of its own, as OpenAI; finish: with the finish reason; never: not in a stream
    """

    path: str
    header: tuple[str, str] | None = ("authorization", "Bearer ")
    fields: frozenset[str] = RELAYED
    sent: Body = relayed
    errors: Errors = field(default_factory=lambda: OPENAI_ERRORS)
    usage_arrives: str = "last"

    def refusal(self, heard: Heard) -> str | None:
        if (heard.method, heard.path) != ("POST", self.path):
            return f"{heard.method} {heard.path} is not POST {self.path}"
        given = {name: heard.headers[name] for name in ("authorization", "api-key") if name in heard.headers}
        wanted = {} if self.header is None else {self.header[0]: f"{self.header[1]}{secret()}"}
        if given != wanted:
            return f"credentials {sorted(given)} rather than {sorted(wanted)}"
        unknown = heard.json().keys() - self.fields
        return f"unknown fields {sorted(unknown)}" if unknown else None

    def body(self, row: Row, *, stream: bool, tool: bool) -> Any:
        return self.sent(row, stream, tool)

    def whole(self, said: Said) -> Reply:
        message: dict[str, Any] = {"role": "assistant", "content": "".join(said.pieces)}
        if said.calls_tool:
            message = {"role": "assistant", "content": None, "tool_calls": [_call()]}
        choice = {"index": 0, "message": message, "finish_reason": "tool_calls" if said.calls_tool else "stop"}
        return json_reply({**_head("chat.completion"), "choices": [choice], "usage": _usage(said)})

    def stream(self, said: Said) -> Reply:
        deltas: list[dict[str, Any]] = [{"content": piece} for piece in said.pieces]
        if said.calls_tool:
            deltas = [{"tool_calls": [{**_call(), "index": 0}]}]
        chunks = [_chunk({"role": "assistant", "content": ""}), *map(_chunk, deltas)]
        last = _chunk({}, "tool_calls" if said.calls_tool else "stop")
        if self.usage_arrives == "finish":
            last["usage"] = _usage(said)
        ending = [last]
        if self.usage_arrives == "last":
            ending.append({**_head("chat.completion.chunk"), "choices": [], "usage": _usage(said)})
        return Reply(pieces=sse(*chunks, *ending, done=True), content_type="text/event-stream; charset=utf-8")

    def failure(self, failure: Failure) -> Reply | None:
        if failure not in self.errors:
            return None
        status, body = self.errors[failure]
        headers = {"Retry-After": str(RETRY_AFTER_S)} if failure == "rate_limit" else {}
        return json_reply(body, status, **headers)


def _head(kind: str) -> dict[str, Any]:
    return {"id": "chatcmpl-1", "object": kind, "created": 1_790_000_000, "model": "as-served"}


def _chunk(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
    return {**_head("chat.completion.chunk"), "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


def _call() -> dict[str, Any]:
    return {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"place": "Oslo"}'}}


def _usage(said: Said) -> dict[str, Any]:
    counts = {"prompt_tokens": said.input_tokens, "completion_tokens": said.output_tokens}
    total = said.input_tokens + said.output_tokens
    cached = {"prompt_tokens_details": {"cached_tokens": said.cached_tokens}} if said.cached_tokens else {}
    return {**counts, "total_tokens": total, **cached}


def unasked(row: Row, stream: bool, tool: bool) -> dict[str, Any]:
    """As `relayed`, to a server that gives the usage of a stream by itself."""
    return {name: value for name, value in relayed(row, stream, tool).items() if name != "stream_options"}


def translated(row: Row, stream: bool, tool: bool) -> dict[str, Any]:
    """As litellm sends it to the OpenAI-like hosts that take no `stream_options`."""
    streaming = {"stream": True} if stream else {}
    return {**chat(row), "model": row.model, **streaming, **({"tools": [TOOL]} if tool else {})}


VLLM_ERRORS: Final[Errors] = {
    "credentials": (401, {"error": "Unauthorized"}),
    "overflow": (400, openai_error("This model's maximum context length is 4096 tokens.", "BadRequestError", 400)),
    "unavailable": (500, openai_error("EngineCore encountered an issue.", "InternalServerError", 500)),
}
LLAMA_CPP_ERRORS: Final[Errors] = {
    "credentials": (401, {"error": {"code": 401, "message": "Invalid API Key", "type": "authentication_error"}}),
    "overflow": (
        400,
        {
            "error": {
                "code": 400,
                "message": "the request exceeds the available context size, try increasing it",
                "type": "exceed_context_size_error",
                "n_prompt_tokens": 5000,
                "n_ctx": 4096,
            }
        },
    ),
    "unavailable": (503, {"error": {"code": 503, "message": "Loading model", "type": "unavailable_error"}}),
}
LM_STUDIO_ERRORS: Final[Errors] = {
    "overflow": (400, {"error": "The model is loaded with context length of only 4096 tokens, which is not enough."}),
    "unavailable": (500, {"error": "The model has crashed without additional information."}),
}
GPT4ALL_ERRORS: Final[Errors] = {"unavailable": (500, "")}
OLLAMA_ERRORS: Final[Errors] = {
    "unavailable": (503, openai_error("server busy, please try again.", "api_error", None)),
}
TGI_ERRORS: Final[Errors] = {
    "rate_limit": (429, {"error": "Model is overloaded", "error_type": "overloaded"}),
    "overflow": (
        422,
        {
            "error": "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096.",
            "error_type": "validation",
        },
    ),
    "unavailable": (503, {"error": "Service unavailable"}),
}
AZURE_ERRORS: Final[Errors] = {
    **OPENAI_ERRORS,
    "credentials": (401, {"error": {"code": "401", "message": "Access denied due to invalid subscription key."}}),
    "rate_limit": (429, {"error": {"code": "429", "message": "Requests have exceeded the call rate limit."}}),
    "content_filter": (
        400,
        {
            "error": {
                "message": "The response was filtered due to the prompt triggering content management policy.",
                "type": None,
                "param": "prompt",
                "code": "content_filter",
                "status": 400,
                "innererror": {"code": "ResponsibleAIPolicyViolation"},
            }
        },
    ),
}
COHERE_ERRORS: Final[Errors] = {
    "credentials": (401, {"id": "e", "message": "invalid api token"}),
    "rate_limit": (429, {"id": "e", "message": "Please wait and try again later"}),
    "overflow": (400, {"id": "e", "message": "too many tokens: size limit exceeded by 2000 tokens."}),
    "unavailable": (503, {"id": "e", "message": "service unavailable"}),
}
MISTRAL_ERRORS: Final[Errors] = {
    "credentials": (401, {"message": "Unauthorized", "request_id": "r"}),
    "rate_limit": (429, {"message": "Requests rate limit exceeded", "type": "rate_limited", "code": "1300"}),
    "overflow": (
        400,
        {
            "object": "error",
            "message": "Prompt contains 40000 tokens, too large for model with 32768 maximum context length",
            "type": "invalid_request_message_order",
            "param": None,
            "code": "3051",
        },
    ),
    "unavailable": (503, {"message": "Service unavailable."}),
}
AI21_ERRORS: Final[Errors] = {
    "credentials": (401, {"detail": "Forbidden: Bad or missing API token."}),
    "rate_limit": (429, {"detail": "Too many requests."}),
    "unavailable": (503, {"detail": "Service unavailable"}),
}
