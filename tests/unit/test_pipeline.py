import asyncio
from dataclasses import dataclass

import pytest
from msgspec.structs import replace

from gateway.counters.memory import MemorySessions
from gateway.domain.classification import Classification
from gateway.domain.errors import (
    AuthenticationError,
    GatewayError,
    InvalidRequestError,
    LedgerUnavailableError,
    ModelNotAllowedError,
    UnknownModelError,
    UpstreamInterruptedError,
    UpstreamRejectedError,
)
from gateway.domain.policy import Constraint, Policy, PolicySet
from gateway.domain.record import RequestRecord
from gateway.domain.request import Caller, ChatRequest, Message
from gateway.domain.rollout import Rollout
from gateway.domain.session import draw_of, session_key
from gateway.pipeline import Gateway
from gateway.store.static_keys import StaticKeys
from tests.attempts import attempts_over
from tests.builders import a_classification, a_deployment, a_policy, a_request, a_route, a_session, always
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


class KeysOf:
    """`KeyStore` that takes any key for one caller's."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def authenticate(self, credential: str | None) -> Caller:
        return self._caller


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
        assert [intent.id for intent in self.recorder.intents] == [record.id for record in self.recorder.records]
        (record,) = self.recorder.records
        return record

    @property
    def left_nothing(self) -> bool:
        return not self.recorder.intents and not self.recorder.records and not self.provider.called


def _live(
    *outcomes: Outcome,
    exchange: FakeExchange | None = None,
    policy: Policy | None = None,
    admission: FakeAdmission | None = None,
    verdict: Classification | Exception | None = None,
    cancel_at_s: float | None = None,
    sessions: MemorySessions | None = None,
    candidate: Policy | None = None,
    recorder: FakeRecorder | None = None,
    caller: Caller | None = None,
) -> Life:
    policy = policy or a_policy()
    life = Life(
        exchange=exchange or FakeExchange(),
        recorder=recorder or FakeRecorder(),
        provider=FakeProvider(*outcomes),
        health=FakeHealthBoard(),
    )
    policies = PolicySet(
        version="v1",
        deployments={},
        routes={},
        policies=(policy,),
        by_alias={"auto": policy},
        candidates={} if candidate is None else {"auto": candidate},
    )
    clock = LoopClock()
    gateway = Gateway(
        keys=StaticKeys(["client-key"]) if caller is None else KeysOf(caller),
        policies=FakePolicies(policies),
        admission=admission or FakeAdmission(),
        sessions=sessions or MemorySessions(),
        classifier=FakeClassifier(verdict),
        health=life.health,
        attempts=attempts_over(lambda _: life.provider, health=life.health, clock=clock),
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


_ASK, _ANSWER = Message(role="user", text="Plan a trip"), Message(role="assistant", text="Where to?")
_FIRST_TURN = a_request(messages=(_ASK,))
_SECOND_TURN = a_request(messages=(_ASK, _ANSWER, Message(role="user", text="To Lyon")))
_EITHER = a_route("either", a_deployment("small-a"), a_deployment("small-b"))
_EITHER_POLICY = a_policy(default=_EITHER, routes={"either": _EITHER})


def test_a_conversation_is_remembered_by_who_answered_it() -> None:
    sessions = MemorySessions()

    first = _live(
        Fails(error=DOWN),
        Answers(),
        policy=_EITHER_POLICY,
        sessions=sessions,
        exchange=FakeExchange(request=_FIRST_TURN),
    )
    second = _live(Answers(), policy=_EITHER_POLICY, sessions=sessions, exchange=FakeExchange(request=_SECOND_TURN))

    assert [life.record.deployment for life in (first, second)] == ["small-b", "small-b"]
    assert first.record.session == second.record.session
    assert second.record.context is not None
    assert second.record.context.session is not None
    assert second.record.context.session.deployment == "small-b"


def test_the_first_request_of_a_conversation_has_no_past_though_one_began_alike() -> None:
    sessions = MemorySessions()
    _live(Fails(error=DOWN), Answers(), policy=_EITHER_POLICY, sessions=sessions)

    again = _live(Answers(), policy=_EITHER_POLICY, sessions=sessions)

    assert (again.record.deployment, again.record.context) == ("small-a", None)


def test_a_session_the_client_names_has_a_past_from_its_second_request_on() -> None:
    sessions = MemorySessions()

    def ask() -> Life:
        return _live(Answers(), policy=_EITHER_POLICY, sessions=sessions, exchange=FakeExchange(session_id="case-17"))

    assert [ask().record.context is not None for _ in range(3)] == [False, True, True]


def test_a_request_nobody_answered_changes_only_what_is_known_to_be_sensitive() -> None:
    sessions = MemorySessions()
    held = a_request(messages=(_ASK, _ANSWER, Message(role="user", text="I am jane.doe@example.com")))
    key = session_key(held, _live_caller())
    sessions.keep(key, a_session("small-b", route="either"))

    _live(
        Fails(error=DOWN),
        Fails(error=DOWN),
        policy=_EITHER_POLICY,
        sessions=sessions,
        exchange=FakeExchange(request=held),
    )

    kept = sessions.find(key)
    assert kept is not None
    assert replace(kept, sensitive_at_s=0.0) == a_session("small-b", route="either", sensitive=("personal",))


def _live_caller() -> Caller:
    return StaticKeys(["client-key"]).authenticate("client-key")


def test_a_shadow_is_recorded_beside_the_decision_and_acted_on_never() -> None:
    shadow = a_policy(name="next", default=a_route("new", a_deployment("large-a")), rollout=Rollout(mode="shadow"))

    life = _live(Answers(), candidate=shadow)

    beside = life.record.beside
    assert (life.record.policy, life.provider.called) == ("default", ["small-a"])
    assert beside is not None
    assert (beside.policy, beside.deployment, beside.differs, beside.was_candidate) == ("next", "large-a", True, True)


@pytest.mark.parametrize("takes", [True, False])
def test_a_canary_decides_for_its_share_of_the_sessions_and_is_a_shadow_for_the_others(takes: bool) -> None:
    draw = draw_of(session_key(_FIRST_TURN, _live_caller()))
    rollout = Rollout(mode="canary", share=draw + 0.01 if takes else draw)
    canary = a_policy(name="next", default=a_route("new", a_deployment("large-a")), rollout=rollout)

    life = _live(Answers(), candidate=canary, exchange=FakeExchange(request=_FIRST_TURN))

    assert life.record.policy == ("next" if takes else "default")
    assert life.record.beside is not None
    assert (life.record.beside.policy, life.record.beside.was_candidate) == (
        ("default", False) if takes else ("next", True)
    )


def test_conditions_see_no_header_but_those_the_policy_lists() -> None:
    seen: list[object] = []
    policy = a_policy(headers=frozenset({"x-team"}), bind=lambda facts, threshold: seen.append(facts.headers))

    _live(Answers(), policy=policy, exchange=FakeExchange(sent_headers={"x-team": "claims", "x-other": "1"}))

    assert seen == [{"x-team": "claims"}]


_AUDITED = a_policy(needs_record=True)


def test_what_cannot_be_recorded_is_not_accepted_where_its_policy_says_so() -> None:
    life = _live(policy=_AUDITED, recorder=FakeRecorder(can_record=False))

    assert isinstance(life.error, LedgerUnavailableError)
    assert life.error.retry_after_s is not None
    assert life.left_nothing


def test_what_cannot_be_recorded_is_answered_where_its_policy_says_nothing() -> None:
    life = _live(Answers(body=b"{}", usage=USAGE), recorder=FakeRecorder(can_record=False, keeps=False))

    assert _ended(life.record) == ("ok", 200, None)


def test_no_call_leaves_before_the_disk_has_the_request() -> None:
    life = _live(Answers(body=b"{}", usage=USAGE), policy=_AUDITED, recorder=FakeRecorder(keeps=True))

    (attempt,) = life.record.attempts
    assert attempt.started_ms >= 1_000


def test_a_request_the_disk_did_not_take_is_refused_where_its_policy_says_so() -> None:
    life = _live(policy=_AUDITED, recorder=FakeRecorder(keeps=False))

    assert _ended(life.record) == ("refused", 418, "ledger_unavailable")
    assert not life.provider.called


def test_a_client_that_leaves_while_the_disk_is_waited_for_is_recorded() -> None:
    life = _live(recorder=FakeRecorder(keeps=True), cancel_at_s=0.5)

    assert life.record.outcome == "client_disconnected"
    assert not life.provider.called


@pytest.mark.parametrize(
    ("models", "is_served"), [(None, True), (frozenset({"auto", "x"}), True), (frozenset(), False)]
)
def test_a_key_asks_for_the_models_it_may_and_for_no_others(models: frozenset[str] | None, is_served: bool) -> None:
    life = _live(Answers(), caller=Caller(key_id="k", models=models))

    assert (life.error is None) == is_served
    if not is_served:
        assert isinstance(life.error, ModelNotAllowedError)
        assert (life.error.param, life.left_nothing) == ("model", True)


def test_whether_an_alias_is_served_is_not_told_to_a_key_that_may_not_ask_for_it() -> None:
    exchange = FakeExchange(request=a_request(alias="nobody-serves-it"))

    life = _live(exchange=exchange, caller=Caller(key_id="k", models=frozenset({"auto"})))

    assert isinstance(life.error, ModelNotAllowedError)
