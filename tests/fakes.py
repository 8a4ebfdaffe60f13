"""Stand-ins for the ports, with programmed outcomes; each keeps what was done to it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from gateway.domain.allowances import Limits
from gateway.domain.answer import Answer
from gateway.domain.classification import Classification
from gateway.domain.errors import GatewayError, UpstreamError
from gateway.domain.facts import NO_BUDGET, Budget, Fleet
from gateway.domain.intent import Intent
from gateway.domain.kept_text import Said
from gateway.domain.policy import Deployment, Policy, PolicySet, Timeouts
from gateway.domain.quota import Quota
from gateway.domain.record import AttemptRecord, RequestRecord
from gateway.domain.request import NOBODY, Caller, ChatRequest
from gateway.domain.signals import Signals
from gateway.domain.usage import Usage
from gateway.ports import AnswerHead, Completion
from tests.builders import a_classification, a_request


@dataclass(kw_only=True)
class Fails:
    """The call raises, after a while."""

    error: BaseException
    after_s: float = 0.0


@dataclass(kw_only=True)
class Answers:
    """The call returns a whole answer, after a while."""

    body: bytes = b'{"choices": []}'
    usage: Usage | None = None
    after_s: float = 0.0


@dataclass(kw_only=True)
class Streams:
    """The call opens a stream whose steps are events, seconds of silence, and an error to break off with."""

    steps: tuple[bytes | float | BaseException, ...] = (b"data: a\n\n", b"data: [DONE]\n\n")
    usage: Usage | None = None
    after_s: float = 0.0


Outcome = Fails | Answers | Streams


class FakeStream:
    """`UpstreamStream` of programmed steps; each event counts as one token, a comment as none."""

    def __init__(self, script: Streams) -> None:
        self._script = script
        self.output_events = 0
        self.closings = 0

    @property
    def usage(self) -> Usage | None:
        return self._script.usage

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for step in self._script.steps:
            if isinstance(step, BaseException):
                raise step
            if isinstance(step, bytes):
                self.output_events += not step.startswith(b":")
                yield step
            else:
                await asyncio.sleep(step)

    async def aclose(self) -> None:
        self.closings += 1


class FakeProvider:
    """`Provider` that gives one outcome a call, in order, whichever deployment is called."""

    def __init__(self, *outcomes: Outcome) -> None:
        self._outcomes = list(outcomes)
        self.called: list[str] = []
        self.requests: list[ChatRequest] = []
        self.streams: list[FakeStream] = []
        self.closings = 0

    async def complete(self, deployment: Deployment, request: ChatRequest, timeouts: Timeouts) -> Completion:
        outcome = await self._next(deployment, request)
        assert isinstance(outcome, Answers), f"the test programmed {outcome!r} for a request that does not stream"
        return Completion(body=outcome.body, usage=outcome.usage)

    async def stream(self, deployment: Deployment, request: ChatRequest, timeouts: Timeouts) -> FakeStream:
        outcome = await self._next(deployment, request)
        assert isinstance(outcome, Streams), f"the test programmed {outcome!r} for a request that streams"
        self.streams.append(FakeStream(outcome))
        return self.streams[-1]

    async def aclose(self) -> None:
        self.closings += 1

    async def _next(self, deployment: Deployment, request: ChatRequest) -> Outcome:
        self.called.append(deployment.name)
        self.requests.append(request)
        assert self._outcomes, f"deployment {deployment.name!r} was called more often than the test programmed"
        outcome = self._outcomes.pop(0)
        if outcome.after_s:
            await asyncio.sleep(outcome.after_s)
        if isinstance(outcome, Fails):
            raise outcome.error
        return outcome


@dataclass(kw_only=True)
class FakeExchange:
    """`Exchange` with one client. `takes_s`: how long the client is over each piece it is sent.

    sent    the bytes that left for the client, in pieces
    heads   the heads of what was begun: an answer, a stream or a refusal
    ended   the error each ending of the stream carried, None for a good one
    """

    request: ChatRequest = field(default_factory=a_request)
    credential: str | None = "client-key"
    request_id: str = "req-1"
    session_id: str = ""
    sent_headers: Mapping[str, str] = field(default_factory=dict)
    takes_s: float = 0.0
    read_error: BaseException | None = None
    send_error: BaseException | None = None
    sent: list[bytes] = field(default_factory=list)
    heads: list[AnswerHead] = field(default_factory=list)
    refused: list[GatewayError] = field(default_factory=list)
    ended: list[GatewayError | None] = field(default_factory=list)

    def headers(self, names: Collection[str]) -> Mapping[str, str]:
        return {name: self.sent_headers[name] for name in names if name in self.sent_headers}

    async def read(self) -> ChatRequest:
        if self.read_error is not None:
            raise self.read_error
        return self.request

    async def answer(self, head: AnswerHead, body: bytes) -> None:
        self.heads.append(head)
        await self.send(body)

    async def start_stream(self, head: AnswerHead) -> None:
        assert not self.heads, "an answer had begun already"
        self.heads.append(head)

    async def send(self, events: bytes) -> None:
        assert self.heads, "bytes were sent before an answer had begun"
        if self.send_error is not None:
            raise self.send_error
        await asyncio.sleep(self.takes_s)
        self.sent.append(events)

    async def end_stream(self, error: GatewayError | None = None) -> None:
        assert self.heads, "a stream was ended that had not begun"
        await asyncio.sleep(self.takes_s)
        self.ended.append(error)

    async def refuse(self, error: GatewayError, head: AnswerHead) -> int:
        assert not self.heads, "a refusal came after an answer had begun"
        self.heads.append(head)
        await asyncio.sleep(self.takes_s)
        self.refused.append(error)
        return 418


class FakeHealthBoard:
    """`HealthBoard` of fixed rests, which keeps what it was told: deployment and
    error code, `left` for a client that left, None for a success."""

    def __init__(self, cooling: Mapping[str, float] | None = None) -> None:
        self._cooling = cooling or {}
        self.asked_at_s: list[float] = []
        self.told: list[tuple[str, str | None]] = []
        self.answering: list[str] = []

    def fleet(self, now_s: float) -> Fleet:
        self.asked_at_s.append(now_s)
        return Fleet(cooling=self._cooling)

    def enter(self, deployment: str, now_s: float) -> bool:
        return deployment not in self._cooling

    def answers(self, deployment: str) -> None:
        self.answering.append(deployment)

    def left(self, deployment: str) -> None:
        self.told.append((deployment, "left"))

    def succeeded(self, deployment: str, first_byte_ms: float | None, now_s: float) -> None:
        self.told.append((deployment, None))

    def failed(self, deployment: str, error: UpstreamError, now_s: float) -> None:
        self.told.append((deployment, error.code))


class FakeRecorder:
    """`Recorder` in memory. `keeps`: what the disk says of each intent a while later; None: nobody waits for it."""

    def __init__(self, *, can_record: bool = True, keeps: bool | None = None) -> None:
        self.can_record = can_record
        self._keeps = keeps
        self.intents: list[Intent] = []
        self.records: list[RequestRecord] = []
        self.said: list[Said] = []

    def begun(self, intent: Intent) -> Awaitable[bool] | None:
        self.intents.append(intent)
        return None if self._keeps is None else self._told_later(self._keeps)

    async def _told_later(self, is_kept: bool) -> bool:
        await asyncio.sleep(1.0)
        return is_kept

    def record(self, record: RequestRecord) -> None:
        self.records.append(record)

    def keep_text(self, said: Said) -> None:
        self.said.append(said)


class FakeClassifier:
    """`Classifier` that always says the same, or always fails. `answer_ok`: how likely it takes answers to be right."""

    def __init__(self, verdict: Classification | Exception | None = None, *, answer_ok: float | None = None) -> None:
        self._verdict = verdict or a_classification()
        self._answer_ok = answer_ok

    @property
    def judges_answers(self) -> bool:
        return self._answer_ok is not None

    def judge(self, answer: Answer, request: ChatRequest, signals: Signals, caller: Caller = NOBODY) -> Classification:
        if self._answer_ok is None:
            raise ValueError("it judges no answers")
        return a_classification(small_ok=self._answer_ok)

    def classify(self, request: ChatRequest, signals: Signals, caller: Caller = NOBODY) -> Classification:
        if isinstance(self._verdict, Exception):
            raise self._verdict
        return self._verdict


class FakeHold:
    """`Hold` that keeps what it was settled with."""

    def __init__(self, budget: Budget = NO_BUDGET, quota: Quota | None = None) -> None:
        self.budget = budget
        self.quota = quota
        self.settled: list[Sequence[AttemptRecord]] = []

    def settle(self, attempts: Sequence[AttemptRecord]) -> None:
        self.settled.append(tuple(attempts))


class FakeCallLimits:
    """`CallLimits` that let every call pass, or none, after a while."""

    def __init__(self, error: GatewayError | None = None, *, takes_s: float = 0.0) -> None:
        self._error = error
        self._takes_s = takes_s
        self.hold = FakeHold()
        self.asked: list[tuple[str, Limits]] = []

    async def take_call(self, deployment: str, limits: Limits, request: ChatRequest) -> FakeHold:
        self.asked.append((deployment, limits))
        await asyncio.sleep(self._takes_s)
        if self._error is not None:
            raise self._error
        return self.hold


class FakeAdmission:
    """`Admission` that lets everyone in, or nobody."""

    def __init__(self, error: GatewayError | None = None, hold: FakeHold | None = None) -> None:
        self._error = error
        self.hold = hold or FakeHold()
        self.asked = 0

    async def admit(self, caller: Caller, request: ChatRequest, policy: Policy) -> FakeHold:
        self.asked += 1
        if self._error is not None:
            raise self._error
        return self.hold


class FakePolicies:
    def __init__(self, policies: PolicySet) -> None:
        self._policies = policies

    def current(self) -> PolicySet:
        return self._policies


class ManualClock:
    """`Clock` that a test moves by hand."""

    def __init__(self, monotonic_s: float = 100.0, now_s: float = 1_790_000_000.0) -> None:
        self._monotonic_s = monotonic_s
        self._now_s = now_s

    def now(self) -> float:
        return self._now_s

    def monotonic(self) -> float:
        return self._monotonic_s

    def advance(self, seconds: float) -> None:
        self._monotonic_s += seconds
        self._now_s += seconds
