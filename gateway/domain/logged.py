"""What of a record is needed to decide its request again, and to compare the two decisions."""

from msgspec import Struct

from gateway.domain.classification import Classification
from gateway.domain.context import Context
from gateway.domain.record import Outcome
from gateway.domain.rollout import Beside
from gateway.domain.signals import Signals
from gateway.domain.usage import Usage

UNMEASURED = "ended before it was measured and classified"
UNTRIED = "ended before any deployment was tried"


class Logged(Struct, frozen=True, kw_only=True):
    """One record, read for a replay. Absent fields are those of a request about which nothing more is known.

    at_s           when it was received, Unix time in seconds
    first          the deployment that was tried first; None: none was
    first_tier     its tier, as it was then
    at_first_try   the first attempt gave the answer
    unreadable     why what is stored cannot be read; empty: it can
    """

    id: str
    at_s: float
    alias: str
    key_id: str = ""
    team: str = ""
    app: str = ""
    stream: bool = False
    outcome: Outcome = "ok"
    policy: str = ""
    policy_version: str = ""
    rule: str = ""
    first: str | None = None
    first_tier: str = ""
    at_first_try: bool = False
    signals: Signals | None = None
    classification: Classification | None = None
    usage: Usage | None = None
    cost_nano_usd: int | None = None
    total_ms: float = 0.0
    session: str = ""
    context: Context | None = None
    beside: Beside | None = None
    unreadable: str = ""

    @property
    def why_not_comparable(self) -> str:
        """Why nothing is known of what would be compared; empty: the deployment tried first is known, or a refusal."""
        if self.unreadable:
            return self.unreadable
        return UNTRIED if self.first is None and self.outcome != "refused" else ""
