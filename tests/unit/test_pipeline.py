import asyncio
from dataclasses import dataclass

import pytest

from gateway.attempts import Attempts
from gateway.deadlines import Deadlines
from gateway.domain.classification import Classification
from gateway.domain.errors import (
    AuthenticationError,
    GatewayError,
    InvalidRequestError,
    UnknownModelError,
    UpstreamInterruptedError,
    UpstreamRejectedError,
)
from gateway.domain.policy import Constraint, Policy, PolicySet
from gateway.domain.record import RequestRecord
from gateway.domain.request import ChatRequest
from gateway.pipeline import Gateway
from gateway.store.static_keys import StaticKeys
from tests.builders import a_classification, a_policy, a_request, always
from tests.fakes import (
    Answers,
    Fails,
    FakeAdmission,
    FakeClassifier,
    FakeExchange,
    FakeHealthBoard,
    FakePolicies,
    FakeProvider,
    FakeRecorder,
    Outcome,
    Streams,
)
from tests.unit.walks import COST, DOWN, USAGE
from tests.virtual_time import LoopClock, run

_STREAMED = a_request(stream=True)
_STAYS_HOME = Constraint(name="stays home", when=always(), requires="labels.on_prem", permitted=frozenset())


@dataclass(kw_only=True)
class Life:
    """One request's passage through a gateway."""

    exchange: FakeExchange
    recorder: FakeRecorder
    provider: FakeProvider
    health: FakeHealthBoard
    error: BaseException | None = None

    @property
    def record(self) -> RequestRecord:
        """The one record; there must be exactly one, for exactly one that was begun."""
        assert self.recorder.begun_count == 1
        (record,) = self.recorder.records
        return record

    @property
    def left_nothing(self) -> bool:
        return self.recorder.begun_count == 0 and not self.recorder.records and not self.provider.called


def _live(
    *outcomes: Outcome,
    exchange: FakeExchange | None = None,
    policy: Policy | None = None,
    admission: FakeAdmission | None = None,
    verdict: Classification | Exception | None = None,
    cancel_at_s: float | None = None,
) -> Life:
    policy = policy or a_policy()
    life = Life(
        exchange=exchange or FakeExchange(),
        recorder=FakeRecorder(),
        provider=FakeProvider(*outcomes),
        health=FakeHealthBoard(),
    )
    policies = PolicySet(version="v1", deployments={}, routes={}, policies=(policy,), by_alias={"auto": policy})
    clock = LoopClock()
    gateway = Gateway(
        keys=StaticKeys(["client-key"]),
        policies=FakePolicies(policies),
        admission=admission or FakeAdmission(),
        classifier=FakeClassifier(verdict),
        health=life.health,
        attempts=Attempts(provider_of=lambda _: life.provider, health=life.health, clock=clock, deadlines=Deadlines()),
        recorder=life.recorder,
        clock=clock,
    )

    async def main() -> None:
        task = asyncio.create_task(gateway.chat(life.exchange))
        if cancel_at_s is not None:
            asyncio.get_running_loop().call_later(cancel_at_s, task.cancel)
        await asyncio.wait([task])
        life.error = asyncio.CancelledError() if task.cancelled() else task.exception()

    run(main())
    return life


def _ended(record: RequestRecord) -> tuple[str, int | None, str | None]:
    return record.outcome, record.status, record.error_code


def test_an_answered_request_leaves_its_whole_story() -> None:
    life = _live(Answers(body=b"{}", usage=USAGE))

    record = life.record
    assert life.error is None
    assert life.exchange.sent == [b"{}"]
    assert _ended(record) == ("ok", 200, None)
    assert (record.id, record.alias, record.deployment, record.rule) == ("req-1", "auto", "small-a", "default")
    assert (record.cost_nano_usd, record.usage) == (COST, USAGE)
    assert record.signals is not None
    assert record.classification == a_classification()
    assert len(record.attempts) == 1


def test_a_request_the_policy_leaves_no_deployment_for_is_refused() -> None:
    life = _live(policy=a_policy(constraints=(_STAYS_HOME,)))

    assert life.error is None
    assert [error.code for error in life.exchange.refused] == ["no_deployment"]
    assert _ended(life.record) == ("refused", 418, "no_deployment")
    assert life.record.excluded == {"small-a": "constraint 'stays home'"}
    assert life.provider.called == []


def test_a_request_no_upstream_answers_has_failed() -> None:
    life = _live(Fails(error=DOWN))

    assert [error.code for error in life.exchange.refused] == ["upstream_unavailable"]
    assert _ended(life.record) == ("failed", 418, "upstream_unavailable")
    assert life.exchange.heads[0].attempts == 1


def test_a_request_the_upstream_rejects_has_failed_with_the_upstreams_error() -> None:
    life = _live(Fails(error=UpstreamRejectedError("malformed", status=400)))

    assert _ended(life.record) == ("failed", 418, "upstream_rejected")


def test_a_stream_that_breaks_off_ends_with_an_error_event_and_is_interrupted() -> None:
    broken = UpstreamInterruptedError("broke off")

    life = _live(Streams(steps=(b"a", broken)), exchange=FakeExchange(request=_STREAMED))

    assert life.exchange.sent == [b"a"]
    assert life.exchange.ended == [broken]
    assert life.exchange.refused == []
    assert _ended(life.record) == ("interrupted", 200, "upstream_interrupted")


@pytest.mark.parametrize(
    ("outcome", "status"),
    [(Streams(after_s=9.0), None), (Streams(steps=(b"a", 9.0)), 200)],
    ids=["before the first byte", "after it"],
)
def test_a_client_that_leaves_is_recorded_and_the_cancel_goes_on(outcome: Outcome, status: int | None) -> None:
    life = _live(outcome, exchange=FakeExchange(request=_STREAMED), cancel_at_s=1.0)

    assert isinstance(life.error, asyncio.CancelledError)
    assert _ended(life.record) == ("client_disconnected", status, None)
    assert [attempt.outcome for attempt in life.record.attempts] == ["cancelled"]


def test_a_disconnected_client_is_still_billed_for_the_tokens_streamed() -> None:
    life = _live(Streams(steps=(b"a", b"b", 9.0)), exchange=FakeExchange(request=_STREAMED), cancel_at_s=1.0)

    usage = life.record.usage
    assert usage is not None
    assert (usage.output_tokens, usage.estimated) == (2, True)
    assert life.record.cost_nano_usd == usage.input_tokens * 150 + 2 * 600


def test_a_bug_in_a_component_is_an_internal_error_and_goes_on_to_the_caller() -> None:
    bug = ZeroDivisionError("in the classifier")

    life = _live(verdict=bug)

    assert life.error is bug
    assert _ended(life.record) == ("failed", 500, "internal_error")
    assert life.exchange.heads == []


def test_a_bug_in_a_provider_is_an_internal_error_and_goes_on_to_the_caller() -> None:
    bug = ZeroDivisionError("in the provider")

    life = _live(Fails(error=bug))

    assert life.error is bug
    assert _ended(life.record) == ("failed", 500, "internal_error")


def test_a_key_we_do_not_know_leaves_no_record() -> None:
    for credential in (None, "someone else's"):
        life = _live(exchange=FakeExchange(credential=credential))

        assert isinstance(life.error, AuthenticationError)
        assert life.left_nothing


def test_who_asks_is_checked_before_what_is_asked() -> None:
    life = _live(exchange=FakeExchange(credential=None, read_error=InvalidRequestError("malformed")))

    assert isinstance(life.error, AuthenticationError)


def test_a_malformed_request_leaves_no_record() -> None:
    life = _live(exchange=FakeExchange(read_error=InvalidRequestError("malformed")))

    assert isinstance(life.error, InvalidRequestError)
    assert life.left_nothing


def test_an_alias_no_policy_serves_leaves_no_record_and_suggests_the_nearest() -> None:
    life = _live(exchange=FakeExchange(request=a_request(alias="aut")))

    assert isinstance(life.error, UnknownModelError)
    assert str(life.error) == "no policy serves the model 'aut'; did you mean 'auto'?"
    assert life.error.param == "model"
    assert life.left_nothing


def test_an_alias_of_any_length_is_cut_in_the_message() -> None:
    life = _live(exchange=FakeExchange(request=a_request(alias="x" * 100_000)))

    assert len(str(life.error)) < 250


def test_a_request_that_is_not_admitted_leaves_no_record() -> None:
    spent = GatewayError("the budget is spent")

    life = _live(admission=FakeAdmission(spent))

    assert life.error is spent
    assert life.left_nothing


@pytest.mark.parametrize(
    ("outcome", "cancel_at_s"),
    [(Fails(error=DOWN), 1.0), (Streams(steps=(b"a", DOWN)), 6.0)],
    ids=["refusal", "error event"],
)
def test_a_client_that_leaves_while_it_is_told_of_an_error_is_no_fault_of_ours(
    outcome: Outcome, cancel_at_s: float
) -> None:
    life = _live(outcome, exchange=FakeExchange(request=_STREAMED, takes_s=5.0), cancel_at_s=cancel_at_s)

    assert isinstance(life.error, asyncio.CancelledError)
    assert life.record.error_code != "internal_error"


def test_deployments_are_at_rest_as_of_the_decision_however_long_the_body_took() -> None:
    class SlowReader(FakeExchange):
        async def read(self) -> ChatRequest:
            await asyncio.sleep(20.0)
            return self.request

    life = _live(Answers(), exchange=SlowReader())

    assert life.health.asked_at_s == [20.0]
