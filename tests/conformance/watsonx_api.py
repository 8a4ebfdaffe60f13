"""IBM watsonx.ai's text chat, and IAM, which exchanges an API key for the token it takes."""

from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qs

from tests.conformance.openai_api import OpenAIApi
from tests.conformance.row import RETRY_AFTER_S, TOOL, Failure, Row, Said, chat, secret
from tests.conformance.upstream import Heard, Reply, json_reply

TOKEN: Final = "iam-token"
_FIELDS: Final = {
    "max_tokens",
    "messages",
    "model_id",
    "project_id",
    "stop",
    "temperature",
    "tool_choice_option",
    "tools",
}
_ERRORS: Final[dict[Failure, tuple[int, str, str]]] = {
    "credentials": (401, "authentication_token_not_valid", "Failed to authenticate the request."),
    "rate_limit": (429, "rate_limit_reached_requests", "You exceeded the rate limit."),
    "overflow": (
        400,
        "invalid_input_argument",
        "Invalid input argument for Model: the number of input tokens 9000 cannot exceed the total tokens limit 8192.",
    ),
    "unavailable": (503, "service_unavailable", "The service is unavailable."),
}
_SHAPE: Final = OpenAIApi(path="")


@dataclass(frozen=True, slots=True, kw_only=True)
class WatsonxApi:
    """`Api`; the answers have OpenAI's shape, the requests nearly."""

    def refusal(self, heard: Heard) -> str | None:
        path, _, query = heard.path.partition("?")
        if path not in {"/ml/v1/text/chat", "/ml/v1/text/chat_stream"} or query != "version=2024-10-08":
            return f"unknown path {heard.path}"
        if heard.headers.get("authorization") != f"Bearer {TOKEN}":
            return "wrong credentials"
        unknown = heard.json().keys() - _FIELDS
        return f"unknown fields {sorted(unknown)}" if unknown else None

    def body(self, row: Row, *, stream: bool, tool: bool) -> Any:
        asked = {name: value for name, value in chat(row).items() if name != "model"}
        return {**asked, "model_id": row.model, "project_id": "project", **({"tools": [TOOL]} if tool else {})}

    def whole(self, said: Said) -> Reply:
        return _SHAPE.whole(said)

    def stream(self, said: Said) -> Reply:
        """Events with ids and a name, and no [DONE]."""
        events = _SHAPE.stream(said).pieces[:-1]
        named = (b"id: %d\nevent: message\n%b" % (number, event) for number, event in enumerate(events, 1))
        return Reply(pieces=tuple(named), content_type="text/event-stream")

    def failure(self, failure: Failure) -> Reply | None:
        if failure == "content_filter":
            return None
        status, code, text = _ERRORS[failure]
        headers = {"Retry-After": str(RETRY_AFTER_S)} if failure == "rate_limit" else {}
        return json_reply(
            {"errors": [{"code": code, "message": text}], "trace": "t", "status_code": status}, status, **headers
        )


def iam(heard: Heard) -> Reply:
    """IBM Cloud's `/identity/token`."""
    form = parse_qs(heard.body.decode())
    wanted = {"grant_type": ["urn:ibm:params:oauth:grant-type:apikey"], "apikey": [secret()]}
    if form != wanted or heard.headers["content-type"] != "application/x-www-form-urlencoded":
        body = {"errorCode": "BXNIM0415E", "errorMessage": "Provided API key could not be found."}
        return json_reply(body, 400)
    token = {"access_token": TOKEN, "token_type": "Bearer", "expires_in": 3600}
    return json_reply(token, Connection="close")  # IAM is another host than the models: no connection serves both
