"""Faults 59 and 60, in a gateway within the test's own process: its clock and its classifier are given to it."""

import asyncio
import json
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pydantic import SecretStr

from gateway.bootstrap import Assembly, assemble
from gateway.domain.answer import Answer
from gateway.domain.classification import Classification
from gateway.domain.record import RequestRecord
from gateway.domain.request import NOBODY, Caller, ChatRequest
from gateway.domain.signals import Signals
from gateway.ports import Classifier
from gateway.providers.scripted import ScriptedUpstream
from gateway.settings import Settings
from gateway.store.engine import open_engine
from gateway.store.reports import find_record
from tests.faults.policies import PROVIDER_KEY, Case, policy_file
from tests.unit.api.asgi_client import Wire, scope

HOUR_S = 3_600.0


class JumpingClock:
    """`Clock` whose time of day is set an hour back or forth at each reading; its monotonic time is the machine's."""

    def __init__(self) -> None:
        self._jump_s = HOUR_S

    def now(self) -> float:
        self._jump_s = -self._jump_s
        return time.time() + self._jump_s

    def monotonic(self) -> float:
        return time.perf_counter()


class BrokenClassifier:
    """`Classifier` that raises, or says what is no number."""

    judges_answers = False

    def __init__(self, fault: type[BaseException] | None) -> None:
        self._fault = fault

    def classify(self, request: ChatRequest, signals: Signals, caller: Caller = NOBODY) -> Classification:
        if self._fault is not None:
            raise self._fault("broken")
        return Classification(task="chat", small_ok=math.nan, confidence=math.nan, has_evidence=True, model="broken")

    def judge(self, answer: Answer, request: ChatRequest, signals: Signals, caller: Caller = NOBODY) -> Classification:
        return self.classify(request, signals, caller)


@contextmanager
def assembled(
    directory: Path,
    upstream: ScriptedUpstream,
    *,
    clock: JumpingClock | None = None,
    classifier: Classifier | None = None,
) -> Iterator[Assembly]:
    policies = directory / "policies"
    policies.mkdir()
    cases = [Case(alias="first/error-503", model="error-503"), Case(alias="first/rate-limit", model="rate-limit:30")]
    (policies / "faults.yaml").write_text(policy_file(cases, f"{upstream.url}/v1"), encoding="utf-8")
    settings = Settings.model_validate(
        {
            "policies": policies,
            "database_url": SecretStr(f"sqlite:///{directory}/records.db"),
            "api_keys": (SecretStr("one"),),
        }
    )
    assembly = assemble(settings, environment={PROVIDER_KEY: "key"}, clock=clock, classifier=classifier)
    assembly.start()
    yield assembly


def ask_all(assembly: Assembly, aliases: list[str]) -> list[Wire]:
    """One request after the other, and the end of the gateway, so that all records are written."""

    async def run() -> list[Wire]:
        wires = []
        for alias in aliases:
            body = json.dumps({"model": alias, "messages": [{"role": "user", "content": "hi"}]}).encode()
            wire = Wire(body)
            await assembly.data_plane(scope(authorization="Bearer one"), wire.receive, wire.send)
            wires.append(wire)
        assert await assembly.aclose()
        return wires

    return asyncio.run(run())


def records_of(directory: Path, wires: list[Wire]) -> list[RequestRecord]:
    engine = open_engine(f"sqlite:///{directory}/records.db")
    try:
        found = [find_record(engine, wire.headers["x-request-id"]) for wire in wires]
    finally:
        engine.dispose()
    return [record for record in found if record is not None]


def test_f059_the_clock_jumps(
    tmp_path: Path, upstream: ScriptedUpstream, measured: dict[str, float | int | str]
) -> None:
    """Durations and rests are those of a clock that never goes back: none is negative, none is longer or shorter."""
    with assembled(tmp_path, upstream, clock=JumpingClock()) as assembly:
        wires = ask_all(assembly, ["healthy", *["first/error-503"] * 5, *["first/rate-limit"] * 3])

    records = records_of(tmp_path, wires)
    assert {wire.status for wire in wires} == {200}
    assert [len(record.attempts) for record in records] == [1, 2, 2, 2, 1, 1, 2, 1, 1]
    assert all(0 <= record.overhead_ms <= record.total_ms < 5_000 for record in records)
    assert all(each.started_ms <= each.ended_ms for record in records for each in record.attempts)
    measured["longest_ms"] = round(max(record.total_ms for record in records), 1)


@pytest.mark.parametrize(
    "fault", [RuntimeError, MemoryError, RecursionError, None], ids=["raises", "memory", "depth", "NaN"]
)
def test_f060_the_classifier_breaks(
    tmp_path: Path,
    upstream: ScriptedUpstream,
    fault: type[BaseException] | None,
    measured: dict[str, float | int | str],
) -> None:
    """No request fails for it: there is no evidence, so the default applies, and the record says `error`."""
    with assembled(tmp_path, upstream, classifier=BrokenClassifier(fault)) as assembly:
        wires = ask_all(assembly, ["healthy"] * 3)

    records = records_of(tmp_path, wires)
    assert {wire.status for wire in wires} == {200}
    assert {record.classification.model for record in records if record.classification is not None} == {"error"}
    assert all(record.rule == "default" for record in records)
    measured["overhead_ms"] = round(max(record.overhead_ms for record in records), 1)
