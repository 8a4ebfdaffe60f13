"""The stored story of a request: one `RequestRecord`, with one `AttemptRecord` for each upstream call."""

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct

from gateway.domain.classification import Classification
from gateway.domain.context import Context
from gateway.domain.rollout import Beside
from gateway.domain.signals import Signals
from gateway.domain.usage import Usage

Outcome = Literal["ok", "refused", "failed", "interrupted", "client_disconnected", "unknown"]
"""refused: no deployment may serve it; failed: every attempt failed or the upstream rejected it;
interrupted: a stream broke off after its first byte; client_disconnected: nobody was there to take the answer;
unknown: the gateway itself died before it was over."""

AttemptOutcome = Literal["ok", "failed", "interrupted", "cancelled"]

Origin = Literal["first", "retry", "fallback", "escalation"]
"""Why a call was made. retry: the same deployment again; fallback: another, after one failed or was passed over;
escalation: another, after an answer failed its check."""


class CheckResult(Struct, frozen=True, kw_only=True):
    """What came of testing an answer before it counted.

    passed    whether it was passed on
    failures  the codes of the tests it failed
    score     the probability that it is right, as the classifier sees it; None where it was not asked
    is_whole  False where only the beginning was there when it had to be decided
    """

    passed: bool
    failures: tuple[str, ...] = ()
    score: float | None = None
    is_whole: bool = True


class AttemptRecord(Struct, frozen=True, kw_only=True):
    """One upstream call. Times are milliseconds since the request was accepted; None: it did not come to that.

    unpriced       why there is no cost, where there is none
    checked        None: its answer was not tested
    origin         None: made by a release that did not say
    price_version  stands for the price that made the cost; None: no price was applied
    energy_uwh     micro-watt-hours; None: the deployment does not say what a token takes
    """

    number: int
    deployment: str
    tier: str
    model: str
    outcome: AttemptOutcome
    error_code: str | None = None
    status: int | None = None
    started_ms: float
    first_byte_ms: float | None = None
    ended_ms: float
    usage: Usage | None = None
    cost_nano_usd: int | None = None
    unpriced: str | None = None
    checked: CheckResult | None = None
    origin: Origin | None = None
    price_version: str | None = None
    energy_uwh: int | None = None


class RequestRecord(Struct, frozen=True, kw_only=True):
    """One accepted request: from when it was read, and its key known, to the way it left.

    received_at           Unix time in seconds
    status                the HTTP status the client saw, None where it was gone before
    overhead_ms           total_ms less the time spent waiting for upstreams
    session               stands for the conversation it belongs to
    context               None: nothing but signals, classification and key
    beside                the other decision, where a policy is being rolled out
    cost_nano_usd         sum over the attempts; None where one of them is unpriced
    baseline_cost_nano_usd  what the policy's baseline would have cost for the same tokens
    saving_low_nano_usd, saving_high_nano_usd  between what the saving is, see `gateway.domain.baseline`
    energy_uwh            sum over the attempts; None where one that used tokens does not say
    """

    id: str
    received_at: float
    key_id: str
    team: str
    app: str
    alias: str
    stream: bool
    outcome: Outcome
    status: int | None
    error_code: str | None
    policy: str
    policy_version: str
    route: str
    rule: str
    deployment: str | None
    tier: str | None
    model: str | None
    reasons: tuple[str, ...]
    excluded: Mapping[str, str]
    threshold: float | None
    signals: Signals | None
    classification: Classification | None
    usage: Usage | None
    cost_nano_usd: int | None
    unpriced: str | None
    baseline: str | None
    baseline_cost_nano_usd: int | None
    total_ms: float
    upstream_ms: float
    ttft_ms: float | None
    overhead_ms: float
    attempts: tuple[AttemptRecord, ...]
    session: str | None = None
    context: Context | None = None
    beside: Beside | None = None
    saving_low_nano_usd: int | None = None
    saving_high_nano_usd: int | None = None
    energy_uwh: int | None = None

    @property
    def saving_nano_usd(self) -> int | None:
        """What the decision saved against the baseline; negative where it cost more."""
        if self.cost_nano_usd is None or self.baseline_cost_nano_usd is None:
            return None
        return self.baseline_cost_nano_usd - self.cost_nano_usd
