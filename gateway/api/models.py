"""`GET /v1/models`: the aliases a client may ask for."""

from collections.abc import Callable

import orjson

from gateway.api.asgi import Headers, Receive, Scope, Send
from gateway.api.errors import envelope, error_body
from gateway.api.exchange import credential_of
from gateway.api.headers import new_request_id
from gateway.api.methods import require_method
from gateway.domain.errors import GatewayError
from gateway.ports import KeyStore, PolicySource


class Models:
    """Lists every alias that a policy serves. `created`: when the gateway started, for want of another date."""

    def __init__(
        self, keys: KeyStore, policies: PolicySource, *, created: int, rejected: Callable[[str], None]
    ) -> None:
        self._keys = keys
        self._policies = policies
        self._created = created
        self._rejected = rejected

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        status, body = 200, b""
        try:
            require_method(scope, "GET", "HEAD")
            self._keys.authenticate(credential_of(dict(scope["headers"])))
            body = self._listing()
        except GatewayError as error:
            self._rejected(error.code)
            status, body = envelope(error).status, error_body(error)
        await send_json(send, status, body)

    def _listing(self) -> bytes:
        models = [
            {"id": alias, "object": "model", "created": self._created, "owned_by": "sizewise"}
            for alias in sorted(self._policies.current().by_alias)
        ]
        return orjson.dumps({"object": "list", "data": models})


async def send_json(send: Send, status: int, body: bytes, more: Headers | None = None) -> None:
    """A whole JSON answer with a request id of its own."""
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(body)),
        (b"x-request-id", new_request_id().encode()),
        *(more or ()),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
