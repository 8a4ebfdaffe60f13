"""What the tokens of a call took in electricity, where their deployment declares it."""

from gateway.domain.policy import Deployment
from gateway.domain.usage import Usage


def energy_uwh(usage: Usage, deployment: Deployment) -> int | None:
    """Micro-watt-hours, rounded up; None where the deployment does not say what a token takes."""
    if deployment.energy_nwh is None:
        return None
    return -(-(usage.input_tokens + usage.output_tokens) * deployment.energy_nwh // 1000)
