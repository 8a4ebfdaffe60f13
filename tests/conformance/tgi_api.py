"""Hugging Face's TGI with a model that has no chat template: its own `/generate` and `/generate_stream`."""

from typing import Any, Final

from tests.conformance.openai_api import TGI_ERRORS
from tests.conformance.row import RETRY_AFTER_S, Failure, Row, Said, secret
from tests.conformance.upstream import Heard, Reply, json_reply, sse

_PROMPT: Final = "Be brief.\n\nUser: Hi\nAssistant: Hello.\nUser: Weather in Oslo?\nAssistant:"


class TgiApi:
    """`Api`."""

    def refusal(self, heard: Heard) -> str | None:
        if heard.path not in {"/generate", "/generate_stream"}:
            return f"unknown path {heard.path}"
        if heard.headers.get("authorization") != f"Bearer {secret()}":
            return "wrong credentials"
        unknown = heard.json().keys() - {"inputs", "parameters"}
        return f"unknown fields {sorted(unknown)}" if unknown else None

    def body(self, row: Row, *, stream: bool, tool: bool) -> Any:
        parameters = {"temperature": 0.25, "max_new_tokens": 64, "stop": ["END"], "details": True}
        return {"inputs": _PROMPT, "parameters": parameters}

    def whole(self, said: Said) -> Reply:
        details = {"finish_reason": "eos_token", "generated_tokens": said.output_tokens, "seed": None, "prefill": []}
        body = {"generated_text": "".join(said.pieces), "details": details}
        return json_reply(body, x_prompt_tokens=str(said.input_tokens))

    def stream(self, said: Said) -> Reply:
        tokens = [*((piece, False) for piece in said.pieces), ("</s>", True)]
        events: list[dict[str, Any]] = [
            {
                "index": at,
                "token": {"id": at, "text": text, "logprob": -0.1, "special": special},
                "generated_text": None,
            }
            for at, (text, special) in enumerate(tokens, 1)
        ]
        counts = {"generated_tokens": said.output_tokens, "input_length": said.input_tokens}
        events[-1] |= {
            "generated_text": "".join(said.pieces),
            "details": {"finish_reason": "eos_token", "seed": None, **counts},
        }
        return Reply(pieces=sse(*events), content_type="text/event-stream")

    def failure(self, failure: Failure) -> Reply | None:
        if failure not in TGI_ERRORS:
            return None
        status, body = TGI_ERRORS[failure]
        headers = {"Retry-After": str(RETRY_AFTER_S)} if failure == "rate_limit" else {}
        return json_reply(body, status, **headers)
