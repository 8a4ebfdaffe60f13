"""What is known of a request when it is accepted: all there is of it where the process dies before it is over."""

from msgspec import Struct

from gateway.domain.record import RequestRecord

_UNPRICED = "the gateway stopped before the request was over: what was called for it is not known"


class Intent(Struct, frozen=True, kw_only=True):
    """The fields of the record that are settled from the start; `received_at` is Unix time in seconds."""

    id: str
    received_at: float
    key_id: str
    team: str
    app: str
    alias: str
    stream: bool
    policy: str
    policy_version: str
    session: str | None = None


def unfinished(intent: Intent) -> RequestRecord:
    """The record of a request whose process died: nobody knows how it ended."""
    return RequestRecord(
        id=intent.id,
        received_at=intent.received_at,
        key_id=intent.key_id,
        team=intent.team,
        app=intent.app,
        alias=intent.alias,
        stream=intent.stream,
        outcome="unknown",
        status=None,
        error_code=None,
        policy=intent.policy,
        policy_version=intent.policy_version,
        route="",
        rule="",
        deployment=None,
        tier=None,
        model=None,
        reasons=(),
        excluded={},
        threshold=None,
        signals=None,
        classification=None,
        usage=None,
        cost_nano_usd=None,
        unpriced=_UNPRICED,
        baseline=None,
        baseline_cost_nano_usd=None,
        total_ms=0.0,
        upstream_ms=0.0,
        ttft_ms=None,
        overhead_ms=0.0,
        attempts=(),
        session=intent.session,
    )
