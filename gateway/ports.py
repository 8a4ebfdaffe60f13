"""What the pipeline needs from the world, as Protocols; `bootstrap` decides who answers."""

from collections.abc import AsyncIterator, Awaitable, Collection, Mapping, Sequence
from typing import Protocol

from msgspec import Struct

from gateway.domain.allowances import Limits
from gateway.domain.answer import Answer
from gateway.domain.classification import Classification
from gateway.domain.decision import Decision
from gateway.domain.errors import GatewayError, UpstreamError
from gateway.domain.facts import Budget, Fleet
from gateway.domain.intent import Intent
from gateway.domain.kept_text import Said
from gateway.domain.policy import Concurrency, Deployment, Policy, PolicySet, Timeouts
from gateway.domain.quota import Quota
from gateway.domain.record import AttemptRecord, RequestRecord
from gateway.domain.request import NOBODY, Caller, ChatRequest
from gateway.domain.sensitivity import Kind
from gateway.domain.session import Session
from gateway.domain.signals import Signals
from gateway.domain.usage import Usage


class Clock(Protocol):
    """Both in seconds: `now` is Unix time, `monotonic` never goes back."""

    def now(self) -> float: ...
    def monotonic(self) -> float: ...


class KeyStore(Protocol):
    def authenticate(self, credential: str | None) -> Caller:
        """Whose key it is. Raises AuthenticationError, or KeysUnavailableError where that cannot be told.

        Takes the same time for a known and an unknown key.
        """
        ...


class Guesses(Protocol):
    """Keys that nobody has, counted by where they came from."""

    def failed(self, network: str, now_s: float) -> float | None:
        """Count one more. After how many seconds to try again, where there were too many; None: there were not.

        `network`: an address, or many that one client may have. `now_s`: seconds, monotonic.
        """
        ...


class PolicySource(Protocol):
    def current(self) -> PolicySet:
        """The policy set in force; hold on to it for the whole request."""
        ...


class Hold(Protocol):
    """What an admitted request took of its caller's limits and budgets until it is settled.

    budget  the one it counts against, as it stood before
    quota   what is left of the limits; None: there are none
    """

    @property
    def budget(self) -> Budget: ...
    @property
    def quota(self) -> Quota | None: ...
    def settle(self, attempts: Sequence[AttemptRecord]) -> None:
        """Replace it by what the calls really took, once, on every way out; waits on nothing."""
        ...


class Admission(Protocol):
    async def admit(self, caller: Caller, request: ChatRequest, policy: Policy) -> Hold:
        """Take what the request is likely to need. Waits 50 ms at the most.

        Raises AllowanceError where a limit or budget has no room for it, CountersUnavailableError.
        """
        ...


class Sessions(Protocol):
    """What is remembered of conversations, by `session_key`; neither call waits on anything."""

    def find(self, key: str) -> Session | None: ...
    def keep(self, key: str, session: Session) -> None:
        """Remember who served it; what it is known to hold is left as it is."""
        ...

    def restrict(self, key: str, kinds: tuple[Kind, ...], at_s: float) -> None:
        """Remember that it holds content of these kinds too."""
        ...


class Classifier(Protocol):
    @property
    def judges_answers(self) -> bool:
        """Whether it was trained to."""
        ...

    def classify(self, request: ChatRequest, signals: Signals, caller: Caller = NOBODY) -> Classification: ...
    def judge(self, answer: Answer, request: ChatRequest, signals: Signals, caller: Caller = NOBODY) -> Classification:
        """How likely an answer of the small model is right. Raises ValueError where it judges no answers."""
        ...


class HealthBoard(Protocol):
    """Which deployments are at rest, and what each call did to that: `enter` before it, one of the others after it.

    `now_s`: seconds, monotonic.
    """

    def fleet(self, now_s: float) -> Fleet:
        """How the deployments fare now."""
        ...

    def enter(self, deployment: str, now_s: float) -> bool:
        """Whether a call may begin. After a rest only one may, until it is known what comes of it."""
        ...

    def answers(self, deployment: str) -> None:
        """The first byte of a stream has come; the call goes on."""
        ...

    def succeeded(self, deployment: str, first_byte_ms: float | None, now_s: float) -> None: ...
    def failed(self, deployment: str, error: UpstreamError, now_s: float) -> None: ...
    def left(self, deployment: str) -> None:
        """The call ended for a reason that says nothing of the deployment."""
        ...


class Lanes(Protocol):
    """Places for calls under way, where a deployment has only so many."""

    async def enter(self, deployment: str, limit: Concurrency) -> bool:
        """Take a place, waiting for one within the limit's bounds; False where there is none."""
        ...

    def leave(self, deployment: str) -> None:
        """Give it back."""
        ...


class CallLimits(Protocol):
    """What deployments may be sent in a minute and in a day, where the policy limits it."""

    async def take_call(self, deployment: str, limits: Limits, request: ChatRequest) -> Hold:
        """Take what one call is likely to need; its attempt settles it. Waits 50 ms at the most.

        Raises RateLimitError where a limit has no room for it, CountersUnavailableError.
        """
        ...


class RetryBudgets(Protocol):
    """How many calls each route may make because others failed. `now_s`: seconds, monotonic."""

    def request(self, route: str, now_s: float) -> None:
        """Count a request of the route."""
        ...

    def spend(self, route: str, now_s: float) -> bool:
        """Take one call; False where none is left. The route's request is counted already."""
        ...

    def unspend(self, route: str, now_s: float) -> None:
        """Give one back that was not made after all."""
        ...


class Completion(Struct, frozen=True, kw_only=True):
    """A whole answer, byte for byte as the upstream sent it."""

    body: bytes
    usage: Usage | None


class UpstreamStream(Protocol):
    """A streamed answer: whole SSE events, byte for byte, less the usage chunk of a client that did not ask for it.

    Iterating raises UpstreamError where the answer breaks off or turns out to be an error.
    """

    @property
    def usage(self) -> Usage | None: ...
    @property
    def output_events(self) -> int:
        """Content events seen so far: about as many tokens, where the upstream reports no usage."""
        ...

    def __aiter__(self) -> AsyncIterator[bytes]: ...
    async def aclose(self) -> None: ...


class Provider(Protocol):
    """One wire protocol; raises UpstreamError and nothing else. Cancelling a call closes its connection."""

    async def complete(self, deployment: Deployment, request: ChatRequest, timeouts: Timeouts) -> Completion: ...
    async def stream(self, deployment: Deployment, request: ChatRequest, timeouts: Timeouts) -> UpstreamStream: ...
    async def aclose(self) -> None: ...


class Recorder(Protocol):
    """`begun` once for each accepted request and `record` once for each one begun; none of these waits on anything."""

    @property
    def can_record(self) -> bool:
        """False: what is recorded now may be lost."""
        ...

    def begun(self, intent: Intent) -> Awaitable[bool] | None:
        """What to await before anything is done for the request: whether it is kept. None: nothing."""
        ...

    def record(self, record: RequestRecord) -> None: ...
    def keep_text(self, said: Said) -> None:
        """Keep what was said, redacted, if there is room; once its request is recorded."""
        ...


class AnswerHead(Struct, frozen=True, kw_only=True):
    """What every answer says of itself in its headers.

    may_retry  False: the client should not send the request again by itself
    quota      what is left of the caller's limits; None: it has none
    """

    decision: Decision | None = None
    deployment: Deployment | None = None
    attempts: int = 0
    cost_nano_usd: int | None = None
    may_retry: bool = True
    quota: Quota | None = None


class Exchange(Protocol):
    """One HTTP exchange with a client, in the client's dialect. Raises nothing where the client has gone."""

    @property
    def request_id(self) -> str: ...
    @property
    def credential(self) -> str | None:
        """The client's key, None where it sent none. Raises InvalidRequestError where it sent two."""
        ...

    @property
    def session_id(self) -> str:
        """The id the client gave its conversation in a header; empty where it gave none."""
        ...

    def headers(self, names: Collection[str]) -> Mapping[str, str]:
        """Those of the named request headers that were sent; names in lower case."""
        ...

    async def read(self) -> ChatRequest:
        """The request, validated. Raises RequestError."""
        ...

    async def answer(self, head: AnswerHead, body: bytes) -> None: ...
    async def start_stream(self, head: AnswerHead) -> None: ...
    async def send(self, events: bytes) -> None: ...
    async def end_stream(self, error: GatewayError | None = None) -> None:
        """Close the stream; with an error event first where it did not end well."""
        ...

    async def refuse(self, error: GatewayError, head: AnswerHead) -> int:
        """Answer with an error; returns its HTTP status."""
        ...
