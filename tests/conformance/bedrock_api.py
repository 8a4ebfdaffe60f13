"""Amazon Bedrock: Converse for the models that have it, InvokeModel with Titan's own format, signed or with a key."""

from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import quote

from botocore.auth import SigV4Auth  # type: ignore[import-untyped]  # botocore has no types
from botocore.awsrequest import AWSRequest  # type: ignore[import-untyped]  # the same
from botocore.credentials import Credentials  # type: ignore[import-untyped]  # the same

from tests.conformance.aws_events import chunk, event
from tests.conformance.row import PARAMETERS, RETRY_AFTER_S, Failure, Row, Said, secret
from tests.conformance.upstream import Heard, Reply, json_reply

REGION: Final = "eu-central-1"
ACCESS_KEY: Final = "accesskey"
SESSION: Final = "a-session"
_STREAM: Final = "application/vnd.amazon.eventstream"
_ERRORS: Final[dict[Failure, tuple[int, str, str]]] = {
    "credentials": (403, "UnrecognizedClientException", "The security token included in the request is invalid."),
    "rate_limit": (429, "ThrottlingException", "Too many requests, please wait before trying again."),
    "overflow": (400, "ValidationException", "Input is too long for requested model."),
    "unavailable": (503, "ServiceUnavailableException", "Bedrock is unable to process your request."),
}


def signature_fault(heard: Heard) -> str | None:
    """Why the request's signature (version 4) is not the one that the secret key makes; None where it is."""
    scheme, _, rest = heard.headers.get("authorization", "").partition(" ")
    parts = dict(part.split("=", 1) for part in rest.split(", ")) if scheme == "AWS4-HMAC-SHA256" else {}
    if not parts:
        return "not signed"
    account, _, region, service, _ = parts["Credential"].split("/")
    if (account, region, service) != (ACCESS_KEY, REGION, "bedrock"):
        return f"signed by {account} for {region}/{service}"
    if heard.headers.get("x-amz-security-token") != SESSION:
        return "without the session's token"
    signed = {name: heard.headers[name] for name in parts["SignedHeaders"].split(";")}
    request = AWSRequest("POST", f"http://{heard.headers['host']}{heard.path}", headers=signed, data=heard.body)
    request.context["timestamp"] = heard.headers["x-amz-date"]
    auth = SigV4Auth(Credentials(ACCESS_KEY, secret()), service, region)
    made = auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request)
    return None if made == parts["Signature"] else "a signature that does not fit"


@dataclass(frozen=True, slots=True, kw_only=True)
class BedrockApi:
    """What both of its `Api`s share. `is_signed`: by access keys; else a Bedrock API key comes as a bearer token."""

    model: str
    is_signed: bool = True

    def fault(self, heard: Heard, methods: tuple[str, str], fields: set[str]) -> str | None:
        if heard.path not in {f"/model/{quote(self.model, safe='')}/{method}" for method in methods}:
            return f"unknown path {heard.path}"
        if self.is_signed and (fault := signature_fault(heard)):
            return fault
        if not self.is_signed and heard.headers.get("authorization") != f"Bearer {secret()}":
            return "wrong bearer token"
        unknown = heard.json().keys() - fields
        return f"unknown fields {sorted(unknown)}" if unknown else None

    def failure(self, failure: Failure) -> Reply | None:
        if failure == "content_filter":
            return None
        status, kind, text = _ERRORS[failure]
        headers = {"Retry-After": str(RETRY_AFTER_S)} if failure == "rate_limit" else {}
        return json_reply({"message": text}, status, **headers, x_amzn_ErrorType=kind)


class ConverseApi(BedrockApi):
    """`Api` of the operation that is the same for all models."""

    def refusal(self, heard: Heard) -> str | None:
        return self.fault(
            heard, ("converse", "converse-stream"), {"messages", "system", "inferenceConfig", "toolConfig"}
        )

    def body(self, row: Row, *, stream: bool, tool: bool) -> Any:
        turns = (("user", "Hi"), ("assistant", "Hello."), ("user", "Weather in Oslo?"))
        spec = {"name": "weather", "inputSchema": {"json": PARAMETERS}, "description": "Weather at a place"}
        return {
            "messages": [{"role": role, "content": [{"text": text}]} for role, text in turns],
            "system": [{"text": "Be brief."}],
            "inferenceConfig": {"temperature": 0.25, "stopSequences": ["END"], "maxTokens": 64},
            **({"toolConfig": {"tools": [{"toolSpec": spec}]}} if tool else {}),
        }

    def whole(self, said: Said) -> Reply:
        call = {"toolUse": {"toolUseId": "tooluse_1", "name": "weather", "input": {"place": "Oslo"}}}
        content = [call] if said.calls_tool else [{"text": "".join(said.pieces)}]
        return json_reply(
            {
                "output": {"message": {"role": "assistant", "content": content}},
                "stopReason": _stop_reason(said),
                "usage": _usage(said),
                "metrics": {"latencyMs": 10},
            }
        )

    def stream(self, said: Said) -> Reply:
        deltas: list[dict[str, Any]] = [{"text": piece} for piece in said.pieces]
        start = []
        if said.calls_tool:
            block = {"toolUse": {"toolUseId": "tooluse_1", "name": "weather"}}
            start = [event("contentBlockStart", {"contentBlockIndex": 0, "start": block})]
            deltas = [{"toolUse": {"input": '{"place": "Oslo"}'}}]
        events = [
            event("messageStart", {"role": "assistant"}),
            *start,
            *(event("contentBlockDelta", {"contentBlockIndex": 0, "delta": delta}) for delta in deltas),
            event("contentBlockStop", {"contentBlockIndex": 0}),
            event("messageStop", {"stopReason": _stop_reason(said)}),
            event("metadata", {"usage": _usage(said), "metrics": {"latencyMs": 10}}),
        ]
        return Reply(pieces=tuple(events), content_type=_STREAM)


class TitanApi(BedrockApi):
    """`Api` of InvokeModel with Titan Text's own format: a prompt, no tools."""

    def refusal(self, heard: Heard) -> str | None:
        methods = ("invoke", "invoke-with-response-stream")
        return self.fault(heard, methods, {"inputText", "textGenerationConfig"})

    def body(self, row: Row, *, stream: bool, tool: bool) -> Any:
        prompt = "\n\nUser: <admin>Be brief.</admin>\n\nUser: Hi\n\nBot: Hello.\n\nUser: Weather in Oslo?\n\nBot: "
        config = {"temperature": 0.25, "stopSequences": ["END"], "maxTokenCount": 64}
        return {"inputText": prompt, "textGenerationConfig": config}

    def whole(self, said: Said) -> Reply:
        result = {"tokenCount": said.output_tokens, "outputText": "".join(said.pieces), "completionReason": "FINISH"}
        body = {"inputTextTokenCount": said.input_tokens, "results": [result]}
        return replace(json_reply(body), headers=_counted(said))

    def stream(self, said: Said) -> Reply:
        last = len(said.pieces) - 1
        payloads: list[dict[str, Any]] = [
            {
                "outputText": piece,
                "index": 0,
                "totalOutputTextTokenCount": said.output_tokens if at == last else None,
                "completionReason": "FINISH" if at == last else None,
                "inputTextTokenCount": said.input_tokens if at == 0 else None,
            }
            for at, piece in enumerate(said.pieces)
        ]
        counts = {"inputTokenCount": said.input_tokens, "outputTokenCount": said.output_tokens}
        payloads[last]["amazon-bedrock-invocationMetrics"] = {**counts, "invocationLatency": 9, "firstByteLatency": 3}
        return Reply(pieces=tuple(map(chunk, payloads)), content_type=_STREAM)


def _stop_reason(said: Said) -> str:
    return "tool_use" if said.calls_tool else "end_turn"


def _usage(said: Said) -> dict[str, int]:
    total = said.input_tokens + said.output_tokens
    return {"inputTokens": said.input_tokens, "outputTokens": said.output_tokens, "totalTokens": total}


def _counted(said: Said) -> dict[str, str]:
    return {
        "X-Amzn-Bedrock-Input-Token-Count": str(said.input_tokens),
        "X-Amzn-Bedrock-Output-Token-Count": str(said.output_tokens),
    }
