"""An ASGI server's side, for tests: one request in, what the application sends out."""

import asyncio
from typing import Any

import orjson

from gateway.api.asgi import Message, Scope
from gateway.api.departure import STATE, Departure
from gateway.api.load import Load
from gateway.domain.policy import Policy, PolicySet
from tests.builders import a_policy

KEY = "client-key"


class FixedPolicies:
    """`PolicySource` of one policy."""

    def __init__(self, policy: Policy | None = None) -> None:
        policy = policy or a_policy()
        self._set = PolicySet(
            version="v1",
            deployments={},
            routes={},
            policies=(policy,),
            by_alias=dict.fromkeys(policy.serves, policy),
        )

    def current(self) -> PolicySet:
        return self._set


def scope(method: str = "POST", path: str = "/v1/chat/completions", **headers: str) -> Scope:
    """Header names are given with underscores."""
    pairs = [(name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in headers.items()]
    state = {STATE: Departure()}
    return {"type": "http", "method": method, "path": path, "headers": pairs, "query_string": b"", "state": state}


def leave(request: Scope) -> None:
    """The client of that request closes its connection."""
    departure: Departure = request["state"][STATE]
    departure.happen()


def a_load() -> Load:
    return Load(max_requests=10, max_body_bytes=1_000_000)


class Wire:
    """`receive` and `send` of one exchange. After the body's parts comes a disconnect if the client `leaves`."""

    def __init__(self, *parts: bytes, leaves: bool = False) -> None:
        self._parts = list(parts or (b"",))
        self._leaves = leaves
        self.received = 0
        self.sent: list[Message] = []

    async def receive(self) -> Message:
        self.received += 1
        if self._parts:
            part = self._parts.pop(0)
            return {"type": "http.request", "body": part, "more_body": bool(self._parts) or self._leaves}
        if not self._leaves:
            await asyncio.Event().wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        self.sent.append(message)

    @property
    def status(self) -> int:
        status: int = self.sent[0]["status"]
        return status

    @property
    def headers(self) -> dict[str, str]:
        return {name.decode(): value.decode() for name, value in self.sent[0]["headers"]}

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.sent[1:])

    @property
    def is_ended(self) -> bool:
        return not self.sent[-1].get("more_body", False)

    @property
    def error(self) -> Any:
        return orjson.loads(self.body)["error"]
