import re
from pathlib import Path

import pytest

from gateway.domain.policy import Deployment, Secret
from gateway.domain.provider_options import OPTIONS
from tests.unit.policyfile.folder import GOOD, load, problems_of

SECRETS = {"KEY": "hush-hush", "JSON": '{"type": "service_account"}', "HERE": "eu-west-1"}

GIVEN = {
    "azure": "{api_version: 2024-10-21}",
    "bedrock": "{region: '${HERE}', access_key_id: '${KEY}', secret_access_key: '${KEY}', session_token: '${KEY}'}",
    "vertex_ai": "{project: p, location: europe-west4, credentials: '${JSON}'}",
    "watsonx": "{project_id: p, space_id: s, iam_url: 'https://iam.example/identity/token'}",
}


def written(provider: str, keys: str) -> str:
    return GOOD.replace("provider: openai, model: s,", f"provider: {provider}, model: s, {keys},")


def loaded(directory: Path, provider: str, keys: str) -> Deployment:
    return load(directory, SECRETS, p=written(provider, keys)).deployments["small-a"]


def test_every_provider_with_options_is_tried_here() -> None:
    assert GIVEN.keys() == OPTIONS.keys()


@pytest.mark.parametrize("provider", GIVEN)
def test_the_options_of_a_provider_are_compiled_and_its_secrets_never_print(tmp_path: Path, provider: str) -> None:
    keys = "api_base: 'https://h', api_key: '${KEY}', provider_options: " + GIVEN[provider]

    deployment = loaded(tmp_path, provider, keys)

    assert deployment.provider_options.keys() == set(re.findall(r"(\w+): ", GIVEN[provider]))
    for name, option in OPTIONS[provider].options.items():
        value = deployment.provider_options.get(name)
        assert value is None or isinstance(value, Secret) == (option.form == "secret")
    assert "hush-hush" not in repr(deployment)


def test_a_reference_is_replaced_in_text_as_in_a_secret(tmp_path: Path) -> None:
    options = loaded(tmp_path, "bedrock", "provider_options: " + GIVEN["bedrock"]).provider_options

    assert options["region"] == "eu-west-1"
    assert isinstance(options["secret_access_key"], Secret)
    assert options["secret_access_key"].reveal() == "hush-hush"


def test_options_cannot_be_changed_once_compiled(tmp_path: Path) -> None:
    options = loaded(tmp_path, "bedrock", "provider_options: " + GIVEN["bedrock"]).provider_options

    with pytest.raises(TypeError):
        options["region"] = "x"  # type: ignore[index]


@pytest.mark.parametrize(
    ("provider", "keys", "message"),
    [
        ("openai", "provider_options: {region: x}", "unknown key 'region'; provider 'openai' takes none"),
        ("azure", "provider_options: {api_versoin: x}", "unknown key 'api_versoin'; did you mean 'api_version'?"),
        (
            "bedrock",
            "provider_options: {region: x, secret_access_key: hush-hush, access_key_id: '${KEY}'}",
            "provider_options, secret_access_key: must be a reference such as ${OPENAI_API_KEY}",
        ),
        ("bedrock", "api_key: '${KEY}'", "provider 'bedrock' needs region; write them under 'provider_options'"),
        (
            "bedrock",
            "provider_options: {region: x, access_key_id: '${KEY}'}",
            "needs api_key or access_key_id and secret_access_key or ambient_credentials",
        ),
        (
            "bedrock",
            "provider_options: {region: x, ambient_credentials: false}",
            "needs api_key or access_key_id and secret_access_key or ambient_credentials",
        ),
        ("bedrock", "provider_options: {region: x, ambient_credentials: 'yes'}", "must be true or false"),
        ("bedrock", "provider_options: {region: true, ambient_credentials: true}", "region: must be text"),
        ("vertex_ai", "provider_options: {project: p, ambient_credentials: true}", "needs location"),
        ("vertex_ai", "provider_options: {project: p, location: l}", "needs credentials or ambient_credentials"),
        ("watsonx", "api_key: '${KEY}', api_base: 'https://h'", "needs project_id or space_id"),
        ("watsonx", "provider_options: {project_id: p, iam_url: h}", "iam_url: it is not an http:// or https:// URL"),
        ("vllm", "context_window: 1", "provider 'vllm' needs api_base"),
        ("azure", "provider_options: [api_version]", "provider_options: must be a mapping of keys to values"),
    ],
)
def test_options_a_provider_could_not_work_with_are_refused(
    tmp_path: Path, provider: str, keys: str, message: str
) -> None:
    problems = "\n".join(problems_of(tmp_path, SECRETS, p=written(provider, keys)))

    assert message in problems
    assert "hush-hush" not in problems


def test_a_machine_may_be_trusted_with_its_own_credentials_where_the_file_says_so(tmp_path: Path) -> None:
    deployment = loaded(tmp_path, "bedrock", "provider_options: {region: x, ambient_credentials: true}")

    assert deployment.provider_options["ambient_credentials"] is True
