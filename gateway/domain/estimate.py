"""What a call would cost before it is made."""

from gateway.domain.policy import Deployment
from gateway.domain.pricing import cost_nano_usd
from gateway.domain.signals import Signals
from gateway.domain.usage import Usage

USUAL_OUTPUT_TOKENS = 300
"""Taken for the length of an answer where the request says nothing of it."""


def expected_output_tokens(signals: Signals) -> int:
    """How long the answer will be: what was asked for, else the usual; never above the client's limit."""
    expected = signals.asked_tokens or USUAL_OUTPUT_TOKENS
    return min(expected, signals.max_output_tokens) if signals.max_output_tokens else expected


def estimated_cost(
    deployment: Deployment, signals: Signals, *, cached_tokens: int = 0, at_s: float | None = None
) -> int | None:
    """Nano-USD of one call to the deployment; None where it is unpriced.

    cached_tokens  how many of the input tokens its prompt cache holds
    at_s           when it would be made, Unix time in seconds; None: at an hour of the standard price
    """
    if deployment.price is None:
        return None
    usage = Usage(
        input_tokens=signals.tokens,
        output_tokens=expected_output_tokens(signals),
        cached_input_tokens=min(cached_tokens, signals.tokens),
    )
    return cost_nano_usd(usage, deployment.price, at_s)
