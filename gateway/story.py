"""What is known of one request while it runs; told at the end, it is the record."""

from gateway.domain.baseline import Comparison, compared
from gateway.domain.classification import Classification
from gateway.domain.context import context_of
from gateway.domain.decision import Decision
from gateway.domain.errors import AllBusyError, GatewayError, LedgerUnavailableError, NoDeploymentError
from gateway.domain.facts import Facts
from gateway.domain.intent import Intent
from gateway.domain.kept_text import Said, conversation_of
from gateway.domain.policy import Policy
from gateway.domain.quota import Quota
from gateway.domain.record import AttemptRecord, Outcome, RequestRecord
from gateway.domain.request import Caller, ChatRequest
from gateway.domain.rollout import Beside
from gateway.domain.session import Session
from gateway.domain.signals import Signals
from gateway.domain.usage import Usage
from gateway.ports import AnswerHead, Clock
from gateway.trail import Delivered, Trail

_MOST_DELIVERED_BYTES = 8 << 20
_BYTES_PER_TEXT_BYTE = 64
"""An event of a stream is mostly what is around its few characters."""


class Story:
    """Filled step by step by the pipeline. A story nobody ended was broken by a fault of our own: `internal_error`."""

    def __init__(
        self,
        request_id: str,
        caller: Caller,
        request: ChatRequest,
        policy: Policy,
        clock: Clock,
        *,
        session_key: str = "",
        quota: Quota | None = None,
    ) -> None:
        self._request_id = request_id
        self.session_key = session_key
        self.quota = quota
        self.caller = caller
        self.request = request
        self.policy = policy
        self._clock = clock
        self.received_at = clock.now()
        self.trail = Trail(clock.monotonic(), self.received_at)
        if policy.keep_text is not None and policy.keep_text.answers and policy.keep_text.covers(caller.team):
            of_a_stream = min(policy.keep_text.max_bytes * _BYTES_PER_TEXT_BYTE, _MOST_DELIVERED_BYTES)
            self.trail.delivered = Delivered(of_a_stream if request.stream else _MOST_DELIVERED_BYTES)
        self.signals: Signals | None = None
        self.classification: Classification | None = None
        self.facts: Facts | None = None
        self.decision: Decision | None = None
        self.beside: Beside | None = None
        self._outcome: Outcome = "failed"
        self._status: int | None = 500
        self._error_code: str | None = "internal_error"

    def succeeded(self) -> None:
        self._outcome, self._status, self._error_code = "ok", 200, None

    def failed(self, error: GatewayError, status: int) -> None:
        """The client saw `status`, and the error, in its body or as the last event of its stream."""
        self._status, self._error_code = status, error.code
        if isinstance(error, NoDeploymentError | AllBusyError | LedgerUnavailableError):
            self._outcome = "refused"
        else:
            self._outcome = "interrupted" if self.trail.has_answered else "failed"

    def abandoned(self) -> None:
        self._outcome, self._error_code = "client_disconnected", None
        self._status = 200 if self.trail.has_answered else None

    def head(self) -> AnswerHead:
        return AnswerHead(
            decision=self.decision,
            attempts=len(self.trail.attempts),
            may_retry=not self.trail.is_budget_spent,
            quota=self.quota,
        )

    def intent(self) -> Intent:
        """What is settled from the start."""
        return Intent(
            id=self._request_id,
            received_at=self.received_at,
            key_id=self.caller.key_id,
            team=self.caller.team,
            app=self.caller.app,
            alias=self.request.alias,
            stream=self.request.stream,
            policy=self.policy.name,
            policy_version=self.policy.version,
            session=self.session_key,
        )

    def told(self) -> RequestRecord:
        """The record of the request, as of now."""
        total_ms = (self._clock.monotonic() - self.trail.arrived_s) * 1e3
        attempts = tuple(self.trail.attempts)
        upstream_ms = sum(attempt.ended_ms - attempt.started_ms for attempt in attempts)
        served = self.trail.served_by
        answer = attempts[-1] if served is not None and attempts else None
        cost, unpriced = self.trail.bill()
        comparison = self._compared(answer, cost)
        decision, policy = self.decision, self.policy
        return RequestRecord(
            id=self._request_id,
            received_at=self.received_at,
            key_id=self.caller.key_id,
            team=self.caller.team,
            app=self.caller.app,
            alias=self.request.alias,
            stream=self.request.stream,
            outcome=self._outcome,
            status=self._status,
            error_code=self._error_code,
            policy=policy.name,
            policy_version=policy.version,
            route="" if decision is None else decision.route.name,
            rule="" if decision is None else decision.rule,
            deployment=None if served is None else served.name,
            tier=None if served is None else served.tier,
            model=None if served is None else served.model,
            reasons=() if decision is None else decision.reasons,
            excluded={} if decision is None else {**decision.excluded, **self.trail.passed},
            threshold=None if decision is None else decision.threshold,
            signals=self.signals,
            classification=self.classification,
            usage=_total(attempts),
            cost_nano_usd=cost,
            unpriced=unpriced,
            baseline=None if policy.baseline is None else policy.baseline.name,
            baseline_cost_nano_usd=comparison.cost_nano_usd,
            total_ms=total_ms,
            upstream_ms=upstream_ms,
            ttft_ms=answer.first_byte_ms if answer is not None and self.request.stream else None,
            overhead_ms=max(total_ms - upstream_ms, 0.0),
            attempts=attempts,
            session=self.session_key,
            context=None if decision is None or self.facts is None else context_of(self.facts, policy, decision.route),
            beside=self.beside,
            saving_low_nano_usd=comparison.low_nano_usd,
            saving_high_nano_usd=comparison.high_nano_usd,
            energy_uwh=_energy(attempts),
        )

    def _compared(self, answer: AttemptRecord | None, cost_nano_usd: int | None) -> Comparison:
        served, baseline = self.trail.served_by, self.policy.baseline
        if served is None or baseline is None or answer is None or answer.usage is None:
            return Comparison()
        return compared(
            answer.usage,
            served,
            baseline,
            spent_nano_usd=cost_nano_usd,
            most_output_tokens=0 if self.signals is None else self.signals.max_output_tokens,
            at_s=self.received_at,
        )

    def said(self) -> Said | None:
        """What was asked and answered, where the policy has it kept."""
        keep, delivered = self.policy.keep_text, self.trail.delivered
        if keep is None or not keep.covers(self.caller.team):
            return None
        conversation, is_cut = conversation_of(self.request, keep.max_bytes)
        return Said(
            request_id=self._request_id,
            received_at=self.received_at,
            team=self.caller.team,
            conversation=conversation,
            delivered=b"" if delivered is None else delivered.data,
            is_stream=self.request.stream,
            is_cut=is_cut or (delivered is not None and delivered.is_cut),
            most_bytes=keep.max_bytes,
            days=keep.days,
        )

    def remembered(self) -> Session | None:
        """Who served the conversation now; None where nobody did, and all stays as it was."""
        decision, signals, served = self.decision, self.signals, self.trail.served_by
        if decision is None or signals is None or served is None:
            return None
        return Session(
            rule=decision.rule,
            route=decision.route.name,
            deployment=served.name,
            tier=served.tier,
            rank=served.rank,
            prefix_tokens=signals.tokens,
            seen_at_s=self.received_at,
        )


def _total(attempts: tuple[AttemptRecord, ...]) -> Usage | None:
    usages = [attempt.usage for attempt in attempts if attempt.usage is not None]
    if not usages:
        return None
    return usages[0] if len(usages) == 1 else sum(usages[1:], usages[0])


def _energy(attempts: tuple[AttemptRecord, ...]) -> int | None:
    """None where nothing was used, or one call that used tokens does not say what they took."""
    used = [attempt.energy_uwh for attempt in attempts if attempt.usage is not None]
    return sum(each for each in used if each is not None) if used and None not in used else None
