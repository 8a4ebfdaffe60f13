import pytest

from gateway.domain.errors import UnknownModelError
from gateway.domain.policy import PolicySet, Secret
from tests.builders import a_deployment, a_policy, a_route


def test_a_secret_prints_itself_nowhere_but_reveals_itself_when_asked() -> None:
    text = "sk-" + "a" * 24
    deployment = a_deployment(api_key=Secret(text))

    printed = f"{deployment!r} {deployment.api_key} {a_route('r', deployment)!r}"

    assert text not in printed
    assert "***" in printed
    assert deployment.api_key is not None
    assert deployment.api_key.reveal() == text


def test_an_alias_nobody_serves_is_told_with_the_nearest_one_that_is_served() -> None:
    policy = a_policy(serves=("auto",))
    policies = PolicySet(version="v", deployments={}, routes={}, policies=(policy,), by_alias={"auto": policy})

    assert policies.serving("auto") is policy
    with pytest.raises(UnknownModelError, match="did you mean 'auto'") as caught:
        policies.serving("autoo")
    assert caught.value.param == "model"
