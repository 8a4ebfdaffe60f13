"""`GET /v1/models`: the aliases a client may ask for."""

from collections.abc import Callable

import orjson

from gateway.api.asgi import Headers, Receive, Scope, Send
from gateway.api.errors import envelope, error_body
from gateway.api.exchange import credential_of
from gateway.api.headers import new_request_id, retry_after
from gateway.api.methods import require_method
from gateway.api.unknown_keys import UnknownKeys
from gateway.domain.errors import GatewayError
from gateway.domain.request import Caller
from gateway.ports import KeyStore, PolicySource


class Models:
    """Lists every alias that a policy serves and the key may ask for.

    created  when the gateway started, for want of another date
    """

    def __init__(
        self,
        keys: KeyStore,
        policies: PolicySource,
        *,
        unknown_keys: UnknownKeys,
        created: int,
        rejected: Callable[[str], None],
    ) -> None:
        self._keys = keys
        self._policies = policies
        self._unknown_keys = unknown_keys
        self._created = created
        self._rejected = rejected

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        status, body, retry_after_s = 200, b"", None
        try:
            require_method(scope, "GET", "HEAD")
            caller = self._keys.authenticate(credential_of(dict(scope["headers"])))
            body = self._listing(caller)
        except GatewayError as refusal:
            error = self._unknown_keys.judged(refusal, scope)
            self._rejected(error.code)
            status, body, retry_after_s = envelope(error).status, error_body(error), error.retry_after_s
        await send_json(send, status, body, retry_after_s=retry_after_s)

    def _listing(self, caller: Caller) -> bytes:
        models = [
            {"id": alias, "object": "model", "created": self._created, "owned_by": "sizewise"}
            for alias in sorted(self._policies.current().by_alias)
            if caller.may_ask_for(alias)
        ]
        return orjson.dumps({"object": "list", "data": models})


async def send_json(
    send: Send, status: int, body: bytes, *, retry_after_s: float | None = None, more: Headers | None = None
) -> None:
    """A whole JSON answer with a request id of its own."""
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(body)),
        (b"x-request-id", new_request_id().encode()),
        *(more or ()),
    ]
    if retry_after_s is not None:
        headers += retry_after(retry_after_s)
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
