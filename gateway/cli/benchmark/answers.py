"""What may be measured: answers equal to the upstream's own, all of which came from the upstream."""

import json
from typing import Any

from gateway.cli.benchmark.errors import BenchmarkError
from gateway.cli.benchmark.wire import Answer

_SHOWN_BYTES = 300


def require_equal(name: str, answer: Answer, upstream: Answer, *, rebuilt: bool, stream: bool) -> None:
    """Raises BenchmarkError unless `answer` is a 200 with the upstream's body.

    rebuilt  the target writes answers of its own: their content must be equal, the bytes need not be
    """
    if answer.status != 200:
        raise BenchmarkError(f"{name!r} answered with status {answer.status}: {_shown(answer.body)}")
    if not rebuilt:
        if answer.body != upstream.body:
            raise BenchmarkError(
                f"{name!r} did not answer with the upstream's bytes; it will not be measured.\n"
                f"  upstream: {_shown(upstream.body)}\n  {name}: {_shown(answer.body)}"
            )
        return
    said, expected = content_of(answer.body, stream=stream), content_of(upstream.body, stream=stream)
    if said != expected:
        raise BenchmarkError(
            f"{name!r} did not answer with the upstream's content; it will not be measured.\n"
            f"  upstream: {expected[:_SHOWN_BYTES]!r}\n  {name}: {said[:_SHOWN_BYTES]!r}"
        )


def content_of(body: bytes, *, stream: bool) -> str:
    """What the model said: `choices[0].message.content`, or its pieces joined. Raises BenchmarkError."""
    try:
        if not stream:
            return str(json.loads(body)["choices"][0]["message"]["content"])
        return "".join(_piece(json.loads(data)) for data in _events(body))
    except (ValueError, KeyError, IndexError, TypeError) as exc:
        raise BenchmarkError(f"not a chat completion: {_shown(body)}") from exc


def _events(body: bytes) -> list[bytes]:
    lines = [line[5:].strip() for line in body.splitlines() if line.startswith(b"data:")]
    return [line for line in lines if line != b"[DONE]"]


def _piece(chunk: dict[str, Any]) -> str:
    choices = chunk.get("choices") or [{}]
    return (choices[0].get("delta") or {}).get("content") or ""


def _shown(body: bytes) -> str:
    return repr(body[:_SHOWN_BYTES])[1:]
