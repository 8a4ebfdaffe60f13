"""Google's generateContent, as Gemini's API serves it for a key and Vertex AI for an access token."""

import base64
import json
from dataclasses import dataclass
from functools import cache
from typing import Any, Final
from urllib.parse import parse_qs

from tests.conformance.row import PARAMETERS, RETRY_AFTER_S, Failure, Row, Said, secret
from tests.conformance.upstream import Heard, Reply, json_reply, sse

TOKEN: Final = "exchanged-token"
_GRANT: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_FIELDS: Final = {"contents", "system_instruction", "generationConfig", "tools", "toolConfig", "safetySettings"}
_CONFIG: Final = {"temperature", "stop_sequences", "max_output_tokens"}
_ERRORS: Final[dict[Failure, tuple[int, str, str]]] = {
    "credentials": (401, "UNAUTHENTICATED", "Request had invalid authentication credentials."),
    "rate_limit": (429, "RESOURCE_EXHAUSTED", "You exceeded your current quota."),
    "overflow": (
        400,
        "INVALID_ARGUMENT",
        "The input token count (2000000) exceeds the maximum number of tokens allowed (1048576).",
    ),
    "unavailable": (503, "UNAVAILABLE", "The model is overloaded. Please try again later."),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class GoogleApi:
    """`Api`. `models` is the path of the models. `token_path`: where a service account's assertion is exchanged."""

    models: str
    has_tokens: bool = False

    def refusal(self, heard: Heard) -> str | None:
        path, _, query = heard.path.partition("?")
        method = path.removeprefix(f"{self.models}/").partition(":")[2]
        if not path.startswith(f"{self.models}/") or method not in {"generateContent", "streamGenerateContent"}:
            return f"unknown path {path}"
        if query != ("alt=sse" if method.startswith("stream") else ""):
            return f"unknown query {query!r}"
        key, bearer = heard.headers.get("x-goog-api-key"), heard.headers.get("authorization")
        if (key, bearer) != ((None, f"Bearer {TOKEN}") if self.has_tokens else (secret(), None)):
            return "wrong credentials"
        unknown = heard.json().keys() - _FIELDS | heard.json().get("generationConfig", {}).keys() - _CONFIG
        return f"unknown fields {sorted(unknown)}" if unknown else None

    def body(self, row: Row, *, stream: bool, tool: bool) -> Any:
        declaration = {"name": "weather", "description": "Weather at a place", "parameters": PARAMETERS}
        turns = (("user", "Hi"), ("model", "Hello."), ("user", "Weather in Oslo?"))
        return {
            "contents": [{"role": role, "parts": [{"text": text}]} for role, text in turns],
            "system_instruction": {"parts": [{"text": "Be brief."}]},
            "generationConfig": {"temperature": 0.25, "stop_sequences": ["END"], "max_output_tokens": 64},
            **({"tools": [{"function_declarations": [declaration]}]} if tool else {}),
        }

    def whole(self, said: Said) -> Reply:
        return json_reply(_answer(_parts(said, "".join(said.pieces)), said, "STOP"))

    def stream(self, said: Said) -> Reply:
        pieces = [""] if said.calls_tool else said.pieces
        last = len(pieces) - 1
        events = [_answer(_parts(said, text), said, "STOP" if at == last else None) for at, text in enumerate(pieces)]
        return Reply(pieces=sse(*events), content_type="text/event-stream")

    def failure(self, failure: Failure) -> Reply | None:
        if failure == "content_filter":
            return json_reply(blocked_prompt())
        status, name, message = _ERRORS[failure]
        headers = {"Retry-After": str(RETRY_AFTER_S)} if failure == "rate_limit" else {}
        return json_reply({"error": {"code": status, "message": message, "status": name}}, status, **headers)


def blocked_prompt() -> dict[str, Any]:
    """How a prompt is refused: a 200 without candidates."""
    return {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, "usageMetadata": {"promptTokenCount": 21}}


def _parts(said: Said, text: str) -> list[dict[str, Any]]:
    return [{"functionCall": {"name": "weather", "args": {"place": "Oslo"}}}] if said.calls_tool else [{"text": text}]


def _answer(parts: list[dict[str, Any]], said: Said, finish: str | None) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"role": "model", "parts": parts}, "index": 0}
    if finish is not None:
        candidate["finishReason"] = finish
    counts: dict[str, Any] = {
        "promptTokenCount": said.input_tokens,
        "candidatesTokenCount": said.output_tokens,
        "totalTokenCount": said.input_tokens + said.output_tokens,
    }
    if said.cached_tokens:
        counts["cachedContentTokenCount"] = said.cached_tokens
    return {"candidates": [candidate], "usageMetadata": counts, "modelVersion": "as-served", "responseId": "r"}


@cache
def service_account(url: str) -> str:
    """The JSON of a service account's key whose tokens come from the server at `url`; the key is made anew."""
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 (only Vertex needs it)
    from cryptography.hazmat.primitives.asymmetric import rsa  # noqa: PLC0415 (the same)

    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return json.dumps(
        {
            "type": "service_account",
            "project_id": "acme",
            "private_key_id": "k",
            "private_key": pem.decode(),
            "client_email": "gateway@acme.invalid",
            "token_uri": f"{url}/token",
        }
    )


def token_endpoint(heard: Heard) -> Reply:
    """Google's OAuth endpoint: an assertion of the account's is worth an access token."""
    form = parse_qs(heard.body.decode())
    claims = json.loads(base64.urlsafe_b64decode(form["assertion"][0].split(".")[1] + "=="))
    wanted = ("gateway@acme.invalid", "https://oauth2.googleapis.com/token")
    if form["grant_type"] != [_GRANT] or (claims["iss"], claims["aud"]) != wanted:
        return json_reply({"error": "invalid_grant"}, 400)
    return json_reply({"access_token": TOKEN, "token_type": "Bearer", "expires_in": 3600})
