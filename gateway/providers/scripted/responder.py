"""From a request to its script: the paths the scripted upstream serves, and the cache that keeps it fast."""

from __future__ import annotations

import orjson

from gateway.providers.scripted.answers import CREATED
from gateway.providers.scripted.faults import FAULTS, script_for
from gateway.providers.scripted.ledger import UpstreamLedger
from gateway.providers.scripted.reply_faults import error_reply
from gateway.providers.scripted.request import InvalidRequestError, deployment_in, parse_chat_request
from gateway.providers.scripted.script import Script, Step, Turns, error_body, http_reply

_CHAT = b"/chat/completions"
_CACHED_BODY_BYTES = 16 << 10
_CACHED_SCRIPTS = 1024
_COUNTED_MODELS = 1000


class Responder:
    """Finds the script for each request. A body seen before costs a dict lookup.

    Bodies above 16 KiB are not remembered, and the cache starts over when it is full: it is for benchmarks,
    which repeat themselves.
    """

    def __init__(self, ledger: UpstreamLedger) -> None:
        self.ledger = ledger
        self._known: dict[bytes, Script | Turns] = {}
        self._turns: dict[str, int] = {}

    def respond(self, method: bytes, target: bytes, head: bytes, body: bytes) -> Script:
        """The script for one request, which is noted as received."""
        if method != b"POST" or not target.partition(b"?")[0].endswith(_CHAT):
            return self._respond_elsewhere(method, target, head, body)
        self.ledger.receive(head, body)
        found = self._known.get(body)
        if found is None:
            found = self._read(target, body)
        return found if isinstance(found, Script) else self._next_turn(found)

    def _read(self, target: bytes, body: bytes) -> Script | Turns:
        deployment = deployment_in(target)
        try:
            found = script_for(parse_chat_request(body, deployment=deployment))
        except InvalidRequestError as exc:
            found = error_reply(error_body(exc.message, "invalid_request_error", param=exc.param), 400)
        if deployment is None and len(body) <= _CACHED_BODY_BYTES:
            if len(self._known) >= _CACHED_SCRIPTS:
                self._known.clear()
            self._known[body] = found
        return found

    def _next_turn(self, turns: Turns) -> Script:
        """Calls are counted per model name, so that a retry with another body is still the next turn."""
        model = turns.scripts[0].model or ""
        if len(self._turns) >= _COUNTED_MODELS and model not in self._turns:
            self._turns.clear()
        earlier_calls = self._turns.get(model, 0)
        self._turns[model] = earlier_calls + 1
        return turns.script(earlier_calls)

    def _respond_elsewhere(self, method: bytes, target: bytes, head: bytes, body: bytes) -> Script:
        path = target.partition(b"?")[0]
        if path == b"/ledger" and method in (b"GET", b"DELETE"):
            return self._show_ledger(method)
        self.ledger.receive(head, body)
        if method == b"GET" and path in (b"/v1/models", b"/models"):
            return _whole(_MODELS)
        message = f"The scripted upstream has no {method.decode('latin-1')} {path.decode('latin-1')}."
        return error_reply(error_body(message, "invalid_request_error", "unknown_url"), 404)

    def _show_ledger(self, method: bytes) -> Script:
        if method == b"DELETE":
            self.ledger.reset()
            self._turns.clear()
        return _whole(self.ledger.as_json())


def _whole(body: bytes) -> Script:
    return Script(steps=(Step(http_reply(body)),))


_MODELS = orjson.dumps(
    {
        "object": "list",
        "data": [
            {"id": f"scripted-{name}", "object": "model", "created": CREATED, "owned_by": "sizewise-scripted"}
            for name in FAULTS
        ],
    }
)
