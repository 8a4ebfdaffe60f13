from gateway.domain.comparison import beside, first_of
from gateway.domain.decision import decide
from gateway.domain.policy import Policy
from gateway.domain.rollout import Rollout
from tests.builders import a_deployment, a_policy, a_route, some_facts

_LIVE = a_policy(name="default", version="v1", default=a_route("old", a_deployment("a")))


def _candidate(*deployments: str, mode: str = "shadow") -> Policy:
    route = a_route("new", *map(a_deployment, deployments))
    return a_policy(
        name="next",
        version="v2",
        default=route,
        rollout=Rollout(mode="canary", share=0.5) if mode == "canary" else Rollout(mode="shadow"),
    )


def test_a_shadow_that_would_try_another_deployment_differs() -> None:
    facts = some_facts()

    other = beside(_candidate("b", "a"), facts, decide(_LIVE, facts), _LIVE)

    assert (other.policy, other.policy_version, other.route, other.deployment) == ("next", "v2", "new", "b")
    assert (other.mode, other.was_candidate, other.differs) == ("shadow", True, True)


def test_a_shadow_that_would_try_the_same_first_does_not_differ_whatever_comes_after() -> None:
    facts = some_facts()

    assert not beside(_candidate("a", "b"), facts, decide(_LIVE, facts), _LIVE).differs


def test_where_a_canary_decides_the_policy_in_force_is_the_other() -> None:
    facts = some_facts()
    canary = _candidate("b", mode="canary")

    other = beside(_LIVE, facts, decide(canary, facts), canary)

    assert (other.policy, other.mode, other.was_candidate, other.differs) == ("default", "canary", False, True)


def test_a_refusal_has_no_deployment() -> None:
    facts = some_facts()
    tight = a_policy(default=a_route("r", a_deployment("a", context_window=1)))

    assert first_of(decide(tight, facts)) is None
    assert beside(tight, facts, decide(_LIVE, facts), _LIVE).deployment is None
