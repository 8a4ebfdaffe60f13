"""Calls of a row through the Provider port, as the gateway makes them, and what the client would have received."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import orjson
import pytest

from gateway.api.dialects import parse_any
from gateway.domain.errors import UpstreamError
from gateway.domain.policy import Timeouts
from gateway.domain.usage import Usage
from gateway.ports import Completion, Provider
from gateway.providers.directory import ProviderDirectory
from gateway.providers.sse import DONE
from tests.conformance.google_api import token_endpoint
from tests.conformance.row import Row, chat
from tests.conformance.snippet import deployment_of
from tests.conformance.upstream import Answers, Heard, Reply, Upstream, json_reply
from tests.conformance.watsonx_api import iam

_TIMEOUTS = Timeouts(connect_s=2.0, total_s=10.0)


@dataclass(frozen=True, slots=True)
class Streamed:
    """A stream that was read to its end: its chunks, the last one's usage included, and how it ended."""

    chunks: list[dict[str, Any]]
    usage: Usage | None
    is_done: bool

    @property
    def texts(self) -> list[str]:
        said = (choice["delta"].get("content") for chunk in self.chunks for choice in chunk["choices"])
        return [text for text in said if text]

    @property
    def finish_reasons(self) -> list[str]:
        reasons = (choice.get("finish_reason") for chunk in self.chunks for choice in chunk["choices"])
        return [reason for reason in reasons if reason]


def answering(upstream: Upstream, row: Row, reply: Reply) -> list[Heard]:
    """Let the provider answer `reply` to what it would take, and tokens where they are asked for.

    Returns the list that the model's requests are added to.
    """
    asked: list[Heard] = []

    def answer(heard: Heard) -> Reply:
        if heard.path == "/identity/token":
            return iam(heard)
        if heard.path == "/token":
            return token_endpoint(heard)
        asked.append(heard)
        refusal = row.api.refusal(heard)
        return reply if refusal is None else json_reply({"error": {"message": f"REFUSED: {refusal}"}}, 418)

    answers: Answers = answer
    upstream.listen(answers)
    return asked


class Providers(Protocol):
    """Where the provider of a name comes from: the gateway's directory, or what a test has in its place."""

    def get(self, name: str) -> Provider: ...
    async def aclose(self) -> None: ...


class Caller:
    """Calls on one event loop with one directory of providers, as a gateway makes them, until it is closed."""

    def __init__(self, providers: Providers | None = None) -> None:
        self._runner = asyncio.Runner()
        self._providers = providers or ProviderDirectory(now=lambda: 1_790_000_000.0)

    def complete(self, row: Row, url: str, *, tool: bool = False) -> Completion:
        return self._runner.run(_complete(self._providers, row, url, chat(row, tool=tool)))

    def stream(self, row: Row, url: str, *, tool: bool = False) -> Streamed:
        asked = chat(row, stream=True, tool=tool) | {"stream_options": {"include_usage": True}}
        return self._runner.run(_stream(self._providers, row, url, asked))

    def failure(self, row: Row, url: str, *, streamed: bool = False) -> UpstreamError:
        call: Callable[[Row, str], object] = self.stream if streamed else self.complete
        with pytest.raises(UpstreamError) as caught:
            call(row, url)
        return caught.value

    def close(self) -> None:
        self._runner.run(self._providers.aclose())
        self._runner.close()


async def _complete(providers: Providers, row: Row, url: str, asked: Mapping[str, Any]) -> Completion:
    request = parse_any(orjson.dumps(asked))
    return await providers.get(row.provider).complete(deployment_of(row, url), request, _TIMEOUTS)


async def _stream(providers: Providers, row: Row, url: str, asked: Mapping[str, Any]) -> Streamed:
    request = parse_any(orjson.dumps(asked))
    opened = await providers.get(row.provider).stream(deployment_of(row, url), request, _TIMEOUTS)
    try:
        data = b"".join([piece async for piece in opened])
    finally:
        await opened.aclose()
    lines = [line for line in data.split(b"\n") if line.startswith(b"data: ")]
    chunks = [orjson.loads(line.removeprefix(b"data: ")) for line in lines if line + b"\n\n" != DONE]
    return Streamed(chunks, opened.usage, is_done=data.endswith(DONE))
