from gateway.domain.policy import Secret
from tests.builders import a_deployment, a_policy, a_route


def test_a_secret_prints_itself_nowhere_but_reveals_itself_when_asked() -> None:
    text = "sk-" + "a" * 24
    deployment = a_deployment(api_key=Secret(text))

    printed = f"{deployment!r} {deployment.api_key} {a_route('r', deployment)!r}"

    assert text not in printed
    assert "***" in printed
    assert deployment.api_key is not None
    assert deployment.api_key.reveal() == text


def test_a_policys_label_is_its_name_and_version() -> None:
    assert a_policy(name="support", version="3f2a").label == "support@3f2a"
