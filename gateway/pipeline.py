"""The life of a request, top to bottom."""

import asyncio
from collections.abc import Awaitable

from msgspec.structs import replace

from gateway.attempts import Attempts
from gateway.domain.comparison import beside
from gateway.domain.decision import decide
from gateway.domain.errors import GatewayError, LedgerUnavailableError, ModelNotAllowedError
from gateway.domain.facts import NO_HEADERS, Budget, Facts
from gateway.domain.policy import Policy
from gateway.domain.session import carried, is_begun, named_in, session_key
from gateway.domain.signals import measure
from gateway.ports import (
    Admission,
    Classifier,
    Clock,
    Exchange,
    HealthBoard,
    KeyStore,
    PolicySource,
    Recorder,
    Sessions,
)
from gateway.story import Story
from gateway.trail import Call

_UNRECORDABLE = "the request cannot be recorded now, and its policy serves none that is not; try again in a moment"
_NOT_ALLOWED = "the API key may not ask for this model; `GET /v1/models` lists those it may"
_RETRY_AFTER_S = 5.0


class Gateway:
    """Takes a request from its credential to its record."""

    def __init__(
        self,
        *,
        keys: KeyStore,
        policies: PolicySource,
        admission: Admission,
        sessions: Sessions,
        classifier: Classifier,
        health: HealthBoard,
        attempts: Attempts,
        recorder: Recorder,
        clock: Clock,
    ) -> None:
        self._keys = keys
        self._policies = policies
        self._admission = admission
        self._sessions = sessions
        self._classifier = classifier
        self._health = health
        self._attempts = attempts
        self._recorder = recorder
        self._clock = clock

    async def chat(self, exchange: Exchange) -> None:
        """Answer one chat request.

        Raises GatewayError where it is not accepted; once it is, every way out leaves exactly one record.
        """
        caller = self._keys.authenticate(exchange.credential)
        request = await exchange.read()
        if not caller.may_ask_for(request.alias):
            raise ModelNotAllowedError(_NOT_ALLOWED, param="model")
        named = exchange.session_id or named_in(request)
        key = session_key(request, caller, named)
        policy, other = self._policies.current().deciding(request.alias, key)
        if policy.needs_record and not self._recorder.can_record:
            raise LedgerUnavailableError(_UNRECORDABLE, retry_after_s=_RETRY_AFTER_S)
        hold = await self._admission.admit(caller, request, policy)

        story = Story(exchange.request_id, caller, request, policy, self._clock, session_key=key, quota=hold.quota)
        kept = self._recorder.begun(story.intent())
        try:
            await self._answer(story, exchange, hold.budget, other, kept, is_named=named != "")
        except asyncio.CancelledError:
            story.abandoned()
            raise
        finally:
            self._recorder.record(story.told())
            hold.settle(story.trail.attempts)
            if policy.keep_text is not None and (said := story.said()) is not None:
                self._recorder.keep_text(said)
            if (session := story.remembered()) is not None:
                self._sessions.keep(key, session)

    async def _answer(
        self,
        story: Story,
        exchange: Exchange,
        budget: Budget,
        other: Policy | None,
        kept: Awaitable[bool] | None,
        *,
        is_named: bool,
    ) -> None:
        """Measure, classify, decide, call; where that fails, the client is told."""
        request, policy = story.request, story.policy
        try:
            if kept is not None and not await kept and policy.needs_record:
                raise LedgerUnavailableError(_UNRECORDABLE, retry_after_s=_RETRY_AFTER_S)
            session = self._sessions.find(story.session_key) if is_named or is_begun(request) else None
            signals = measure(request)
            if signals.sensitive:
                self._sessions.restrict(story.session_key, signals.sensitive, story.received_at)
            story.signals = signals = carried(signals, session, at_s=story.received_at, is_named=is_named)
            story.classification = classification = self._classifier.classify(request, signals, story.caller)
            story.facts = facts = Facts(
                request=request,
                caller=story.caller,
                signals=signals,
                classification=classification,
                headers=exchange.headers(policy.headers) if policy.headers else NO_HEADERS,
                request_id=exchange.request_id,
                session_key=story.session_key,
                session=session,
                budget=budget,
                fleet=self._health.fleet(self._clock.monotonic()),
                at_s=story.received_at,
            )
            story.decision = decision = decide(policy, facts)
            if other is not None:
                seen = replace(facts, headers=exchange.headers(other.headers))
                story.beside = beside(other, seen, decision, policy)
            await self._attempts.walk(
                Call(
                    decision=decision,
                    request=request,
                    signals=signals,
                    caller=story.caller,
                    exchange=exchange,
                    trail=story.trail,
                    quota=story.quota,
                )
            )
            story.succeeded()
        except GatewayError as error:
            story.failed(error, await _tell(error, story, exchange))


async def _tell(error: GatewayError, story: Story, exchange: Exchange) -> int:
    """Tell the client of the error, in its stream where one has begun; returns the HTTP status it saw."""
    if story.trail.has_answered:
        await exchange.end_stream(error)
        return 200
    return await exchange.refuse(error, story.head())
