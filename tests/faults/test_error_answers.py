"""Faults 5 to 12: the upstream answers, and its answer is an error."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest

from tests.faults.policies import Case
from tests.faults.runs import Asked, FaultRun
from tests.gateway_process import models_called

Faulty = Callable[..., AbstractContextManager[FaultRun]]

RETRY_AFTER = {"999999": 3600, "1.5": 2, "date": 3600, "0": 1, "-7": None, "NaN": None, "soon": None}
"""The upstream's Retry-After → the client's; None: a rest of our own choosing, which clients are not told."""


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    larger = {"context_window": 100_000}
    return [
        *(Case(alias=f"first/error-{status}", model=f"error-{status}") for status in (500, 502, 503, 504, 529)),
        *(Case(alias=f"only/error-{status}", model=f"error-{status}", has_spare=False) for status in (500, 529)),
        Case(alias="mended", model="error-once", has_spare=False, route={"retries": 2}),
        Case(alias="first/rate-limit", model="rate-limit:30"),
        *(
            Case(alias=f"only/rate-limit:{value}", model=f"rate-limit:{value}", has_spare=False)
            for value in RETRY_AFTER
        ),
        Case(alias="only/rate-limit-ms", model="rate-limit-ms:2500", has_spare=False),
        *(
            Case(alias=f"first/{model}", model=model, route={"retries": 3})
            for model in ("quota", "spend-limit", "error-402", "error-401", "error-403", "not-found")
        ),
        *(
            Case(alias=f"only/{model}", model=model, has_spare=False)
            for model in ("error-401", "error-403", "not-found")
        ),
        Case(alias="first/overflow", model="context-overflow", route={"retries": 3}),
        Case(alias="only/overflow", model="context-overflow", has_spare=False, deployment=larger),
    ]


def outcomes(run: FaultRun, asked: Asked) -> list[str | None]:
    return [attempt.error_code for attempt in run.record(asked).attempts]


def many(run: FaultRun, alias: str, count: int, **fields: Any) -> list[Asked]:
    return [run.ask(alias, stream=number % 2 == 1, **fields) for number in range(count)]


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_f005_server_errors(faulty: Faulty, status: int) -> None:
    """The next deployment answers within 0.3 s; after three in a row the first one rests and is not called."""
    with faulty() as run:
        asked = many(run, f"first/error-{status}", 20)

        assert {each.reply.status for each in asked} == {200}
        assert [len(outcomes(run, each)) for each in asked] == [2] * 3 + [1] * 17
        assert outcomes(run, asked[0]) == ["upstream_unavailable", None]
        worst_ms = max(each.first_byte_s for each in asked[:3]) * 1e3
        run.measure(status=status, first_byte_ms=worst_ms)
        assert worst_ms < 300


def test_f005_a_retry_mends_a_passing_error(faulty: Faulty) -> None:
    """Where the route has retries and nothing follows, the same deployment is called again, after a wait by chance."""
    with faulty() as run:
        asked = run.ask("mended")

        assert asked.reply.status == 200
        assert outcomes(run, asked) == ["upstream_unavailable", None]
        run.measure(first_byte_ms=asked.first_byte_s * 1e3)
        assert asked.first_byte_s < 0.1 + 0.3


def test_f005_all_fail(faulty: Faulty) -> None:
    """502 in OpenAI's error shape, with the number of attempts in a header."""
    with faulty() as run:
        for asked in many(run, "only/error-500", 2):
            assert asked.reply.status == 502
            assert set(asked.reply.json()["error"]) == {"message", "type", "param", "code"}
            assert asked.error_code == "upstream_unavailable"
            assert asked.reply.headers["x-sizewise-attempts"] == "1"


def test_f006_overloaded(faulty: Faulty) -> None:
    """529 is as good as a 503: the next deployment answers; where there is none, the client may come again."""
    with faulty() as run:
        asked = run.ask("first/error-529")
        alone = run.ask("only/error-529")

        assert outcomes(run, asked) == ["upstream_overloaded", None]
        assert (alone.reply.status, alone.error_code) == (503, "upstream_overloaded")
        run.measure(first_byte_ms=asked.first_byte_s * 1e3, status_alone=alone.reply.status)


def test_f007_rate_limited(faulty: Faulty) -> None:
    """The next deployment answers, and the first one is left alone until its Retry-After has passed."""
    with faulty() as run:
        asked = many(run, "first/rate-limit", 8)

        assert {each.reply.status for each in asked} == {200}
        assert outcomes(run, asked[0]) == ["upstream_rate_limit", None]
        assert models_called(run.world.upstream).count("rate-limit:30") == 1
        rest_s = resting_s(run, "rate-limit:30")
        run.measure(first_byte_ms=asked[0].first_byte_s * 1e3, rests_s=rest_s)
        assert 25 < rest_s <= 30


def resting_s(run: FaultRun, model: str) -> float:
    """How long the deployment of that model still rests, as the metric says."""
    name = next(
        attempt.deployment
        for record in run.world.gateway.records(len(run.asked))
        for attempt in record.attempts
        if attempt.model == model
    )
    metrics = run.world.gateway.admin("/metrics").body.decode()
    line = metrics.partition(f'sizewise_deployment_resting_seconds{{deployment="{name}"}} ')[2]
    return float(line.partition("\n")[0])


@pytest.mark.parametrize("value", RETRY_AFTER)
def test_f008_forms_of_retry_after(faulty: Faulty, value: str) -> None:
    """Seconds, fractions, dates, milliseconds: read, bounded, passed on in whole seconds; nonsense is not."""
    with faulty() as run:
        asked = run.ask(f"only/rate-limit:{value}")

        assert (asked.reply.status, asked.error_code) == (429, "upstream_rate_limit")
        told = asked.reply.headers.get("retry-after")
        run.measure(retry_after=value, told=told or "nothing")
        assert told == (None if RETRY_AFTER[value] is None else str(RETRY_AFTER[value]))


def test_f008_retry_after_in_milliseconds(faulty: Faulty) -> None:
    """`retry-after-ms` is read too, and passed on: in whole seconds, never too early, and in milliseconds."""
    with faulty() as run:
        told = run.ask("only/rate-limit-ms").reply.headers

        assert (told["retry-after"], told["retry-after-ms"]) == ("3", "2500")


@pytest.mark.parametrize("model", ["quota", "spend-limit", "error-402"])
def test_f009_our_account_is_empty(faulty: Faulty, model: str) -> None:
    """Never tried again on the same account: the next deployment answers, and this one rests for minutes."""
    with faulty() as run:
        asked = many(run, f"first/{model}", 6)

        assert {each.reply.status for each in asked} == {200}
        assert outcomes(run, asked[0]) == ["upstream_quota", None]
        assert models_called(run.world.upstream).count(model) == 1
        rest_s = resting_s(run, model)
        run.measure(model=model, rests_s=rest_s)
        assert rest_s > 200


@pytest.mark.parametrize("model", ["error-401", "error-403"])
def test_f010_our_key_is_refused(faulty: Faulty, model: str) -> None:
    """The next deployment answers; where there is none the client gets 502, and neither upstream text nor key."""
    with faulty() as run:
        asked = run.ask(f"first/{model}")
        alone = run.ask(f"only/{model}")

        assert outcomes(run, asked) == ["upstream_credentials", None]
        assert (alone.reply.status, alone.error_code) == (502, "upstream_credentials")
        assert b"scripted" not in alone.reply.body


def test_f011_context_overflow(faulty: Faulty) -> None:
    """Another deployment may take it; else a 400 with its code. The deployment is not to blame and never rests."""
    with faulty() as run:
        asked = many(run, "first/overflow", 4)
        alone = run.ask("only/overflow")

        assert [outcomes(run, each) for each in asked] == [["context_length_exceeded", None]] * 4
        assert (alone.reply.status, alone.error_code) == (400, "context_length_exceeded")


def test_f012_the_model_is_gone(faulty: Faulty) -> None:
    """The next deployment answers and nothing is tried again; alone it is a 502, for the client's model does exist."""
    with faulty() as run:
        asked = run.ask("first/not-found")
        alone = run.ask("only/not-found")

        assert outcomes(run, asked) == ["upstream_missing_model", None]
        assert (alone.reply.status, alone.error_code) == (502, "upstream_missing_model")
