"""What another policy would have decided on the same facts."""

from gateway.domain.decision import Decision, decide
from gateway.domain.facts import Facts
from gateway.domain.policy import Policy
from gateway.domain.rollout import Beside


def beside(other: Policy, facts: Facts, acted: Decision, policy: Policy) -> Beside:
    """The other policy's decision next to the one acted on, which is `policy`'s; one of the two is being rolled out."""
    decision = decide(other, facts)
    was_candidate = other.rollout.mode != "on"
    first = first_of(decision)
    return Beside(
        policy=other.name,
        policy_version=other.version,
        mode=(other if was_candidate else policy).rollout.mode,
        was_candidate=was_candidate,
        rule=decision.rule,
        route=decision.route.name,
        deployment=first,
        differs=first != first_of(acted),
    )


def first_of(decision: Decision) -> str | None:
    """The deployment that is tried first; None where the request is refused."""
    return decision.plan[0].name if decision.plan else None
