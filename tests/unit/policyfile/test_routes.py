from pathlib import Path

from gateway.domain.policy import Timeouts
from tests.unit.policyfile.folder import GOOD, load


def test_timeouts_that_are_not_given_keep_their_defaults(tmp_path: Path) -> None:
    text = GOOD.replace("try: [large-a]", "try: [large-a], retries: 2, timeout: {connect_s: 1, idle_s: 0.5}")

    route = load(tmp_path, p=text).routes["large-only"]

    assert route.retries == 2
    assert route.timeouts == Timeouts(connect_s=1.0, idle_s=0.5)


def test_a_fallback_takes_over_on_any_failure_or_on_those_it_names(tmp_path: Path) -> None:
    text = GOOD.replace("then: [large-a]", "then: [{after: [timeout, rate_limit], try: [large-a]}]", 1)

    route = load(tmp_path, p=text).routes["small-first"]

    assert [each.name for each in route.then] == ["large-a"]
    assert (route.takes_over("large-a", "timeout"), route.takes_over("large-a", "error")) == (True, False)
    assert load(tmp_path, p=GOOD).routes["small-first"].takes_over("large-a", "error")


def test_weights_go_to_the_deployments_they_name(tmp_path: Path) -> None:
    text = GOOD.replace("try: [small-a]", "strategy: weighted, weights: {small-a: 3}, try: [small-a]", 1)

    route = load(tmp_path, p=text).routes["small-first"]

    assert (route.strategy, route.weights) == ("weighted", {"small-a": 3.0})
