"""What the classifier says of a request."""

from typing import Literal

from msgspec import Struct

Task = Literal[
    "chat",
    "classification",
    "extraction",
    "summarization",
    "rewriting",
    "translation",
    "knowledge",
    "reading",
    "reasoning",
    "math",
    "code",
    "legal",
    "medical",
    "finance",
    "creative",
    "agent",
]


class Contribution(Struct, frozen=True, array_like=True):
    """One feature's share in the score, in log-odds; above 0 speaks for the small tier."""

    feature: str
    log_odds: float


class History(Struct, frozen=True, array_like=True):
    """What became of labelled requests of like score: how many there were, and how often the small model was right."""

    requests: int
    right: int


class Classification(Struct, frozen=True, kw_only=True):
    """The classifier's verdict.

    small_ok      probability in [0, 1] that the small tier's answer is good enough
    confidence    how far the verdict is from a coin toss, in [0, 1]
    has_evidence  False where too little of it is known or speaks for the small tier: the policy's default applies
    model         which classifier said so, with its version
    history       None where the model has learned from no outcomes
    """

    task: Task
    small_ok: float
    confidence: float
    has_evidence: bool
    contributions: tuple[Contribution, ...] = ()
    model: str
    history: History | None = None
