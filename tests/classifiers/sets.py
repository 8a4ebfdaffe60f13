"""The evaluation sets beside this file, and how the shipped classifier is asked about them."""

import hashlib
import json
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from gateway.api.openai_chat import parse_chat
from gateway.classifiers.linear import LinearClassifier
from gateway.classifiers.model_file import load_prior
from gateway.domain.classification import Classification
from gateway.domain.signals import measure

SETS = Path(__file__).parent
HALVES = ("dev", "test")
SMALL_FROM = 0.6
"""The threshold of the demo's policy."""

Row = dict[str, Any]


def rows_of(name: str) -> list[Row]:
    """The rows of a file here, such as `tasks/test`."""
    return [json.loads(line) for line in (SETS / f"{name}.jsonl").read_text("utf-8").splitlines()]


def half_of(text: str, salt: str) -> str:
    """The half that the hash of a text puts it in."""
    return HALVES[hashlib.sha256(f"{salt}{text}".encode()).digest()[0] & 1]


def verdict(row: Row) -> Classification:
    """What the shipped classifier says of a row: of its `request` as a client sends it, or of its `ask` and `tools`."""
    body = row.get("request") or _body(row["ask"], row.get("tools", ()))
    request = parse_chat(json.dumps(body).encode())
    return _shipped().classify(request, measure(request))


def goes_small(row: Row) -> bool:
    """Whether the demo's policy would send it to the small tier."""
    classification = verdict(row)
    return classification.has_evidence and classification.small_ok >= SMALL_FROM


def share(outcomes: Iterable[bool]) -> float:
    """The share of outcomes that hold."""
    held = list(outcomes)
    return sum(held) / len(held)


def _body(ask: str, tools: Iterable[str]) -> dict[str, Any]:
    offered = [{"type": "function", "function": {"name": name}} for name in tools]
    body: dict[str, Any] = {"model": "auto", "messages": [{"role": "user", "content": ask}]}
    return {**body, "tools": offered} if offered else body


@cache
def _shipped() -> LinearClassifier:
    return load_prior()
