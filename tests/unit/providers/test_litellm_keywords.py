from typing import Any

import pytest

from gateway.domain.errors import UpstreamCredentialsError
from gateway.domain.policy import Deployment, Secret
from gateway.providers.litellm_keywords import keywords_of
from tests.builders import a_deployment

KEYS = {"access_key_id": Secret("a"), "secret_access_key": Secret("b")}


def deployed(provider: str, **changes: Any) -> Deployment:
    return a_deployment(provider=provider, **{"api_base": None, "model": "m", **changes})


def test_endpoint_and_key_are_said_as_they_are() -> None:
    said = keywords_of(deployed("mistral", api_base="http://h/v1", api_key=Secret("k")))

    assert said == {"api_base": "http://h/v1", "api_key": "k"}


@pytest.mark.parametrize(
    ("provider", "options"),
    [("mistral", {}), ("bedrock", {"region": "r"}), ("vertex_ai", {"project": "p", "location": "l"}), ("other", {})],
)
def test_without_credentials_nothing_is_looked_for_elsewhere(provider: str, options: dict[str, str]) -> None:
    with pytest.raises(UpstreamCredentialsError):
        keywords_of(deployed(provider, provider_options=options))


def test_a_server_that_may_be_open_gets_an_empty_key() -> None:
    assert keywords_of(deployed("hosted_vllm"))["api_key"] == ""


def test_access_keys_keep_a_bearer_token_of_the_environment_away() -> None:
    said = keywords_of(deployed("bedrock", provider_options={"region": "r", **KEYS}))

    assert (said["api_key"], said["aws_region_name"]) == ("", "r")
    assert (said["aws_access_key_id"], said["aws_secret_access_key"]) == ("a", "b")
    assert "aws_session_token" not in said


def test_the_machines_own_credentials_are_used_where_the_policy_says_so() -> None:
    ambient = {"region": "r", "ambient_credentials": True}

    assert "aws_access_key_id" not in keywords_of(deployed("bedrock", provider_options=ambient))


@pytest.mark.parametrize(
    ("location", "host"),
    [
        ("europe-west4", "https://europe-west4-aiplatform.googleapis.com"),
        ("global", "https://aiplatform.googleapis.com"),
    ],
)
def test_a_gemini_model_is_called_where_the_policy_says(location: str, host: str) -> None:
    options = {"project": "p", "location": location, "credentials": Secret("{}")}

    said = keywords_of(deployed("vertex_ai", model="gemini-2.5-flash", provider_options=options))

    path = f"/v1/projects/p/locations/{location}/publishers/google/models/gemini-2.5-flash"
    assert said["api_base"] == host + path
