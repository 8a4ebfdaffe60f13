import textwrap
from pathlib import Path

import pytest
from pydantic import SecretStr

from gateway.cli.first_steps import first_steps
from gateway.policyfile.loader import load_policies
from gateway.providers.price_map import PriceMap
from gateway.settings import Settings


def _settings(policies: Path, *keys: str) -> Settings:
    return Settings(policies=policies, api_keys=tuple(SecretStr(key) for key in keys))


def _policy_file(directory: Path, name: str = "default.yaml") -> None:
    (directory / name).write_text("deployments: []\n", encoding="utf-8")


def _told(settings: Settings, environment: dict[str, str] | None = None) -> str:
    text = first_steps(settings, environment or {})
    assert text is not None
    return text


def test_with_keys_and_policies_there_is_nothing_to_say(tmp_path: Path) -> None:
    _policy_file(tmp_path)

    assert first_steps(_settings(tmp_path, "one"), {}) is None


def test_with_policies_alone_only_keys_are_asked_for(tmp_path: Path) -> None:
    _policy_file(tmp_path)

    text = _told(_settings(tmp_path))

    assert "1. Choose the keys" in text
    assert "2. " not in text


def test_with_keys_alone_only_a_policy_is_asked_for(tmp_path: Path) -> None:
    text = _told(_settings(tmp_path, "one"))

    assert f"1. Write {str(tmp_path / 'default.yaml')!r}" in text
    assert "Choose the keys" not in text


def test_a_directory_that_is_not_there_has_no_policies(tmp_path: Path) -> None:
    assert "policy files   none in" in _told(_settings(tmp_path / "nowhere", "one"))


@pytest.mark.parametrize("name", ["default.cases.yaml", "README.md"])
def test_cases_and_other_files_are_no_policies(tmp_path: Path, name: str) -> None:
    _policy_file(tmp_path, name)

    assert "policy files   none in" in _told(_settings(tmp_path, "one"))


def test_a_hidden_file_is_no_policy(tmp_path: Path) -> None:
    _policy_file(tmp_path, ".default.yaml")

    assert first_steps(_settings(tmp_path, "one"), {}) is not None


def test_provider_keys_are_named_and_never_shown(tmp_path: Path) -> None:
    secret = "sk-" + "a" * 24

    text = _told(_settings(tmp_path, secret), {"OPENAI_API_KEY": secret, "MISTRAL_API_KEY": ""})

    assert "provider keys  OPENAI_API_KEY\n" in text
    assert "client keys    1 in SIZEWISE_API_KEYS" in text
    assert secret not in text


def test_the_policy_to_write_is_complete(tmp_path: Path) -> None:
    text = _told(_settings(tmp_path, "one"))
    shown = text.partition("this one is complete:\n\n")[2].partition("\nThen `sizewise serve`")[0]
    (tmp_path / "default.yaml").write_text(textwrap.dedent(shown), encoding="utf-8")

    policies = load_policies(tmp_path, PriceMap(), {"OPENAI_API_KEY": "a key"})

    assert set(policies.by_alias) == {"auto"}
    assert policies.deployments["large"].price is not None


def test_the_last_line_says_how_to_look_around_without_any_of_this(tmp_path: Path) -> None:
    assert _told(_settings(tmp_path)).endswith("sizewise serve --demo")


def test_a_pepper_says_that_the_keys_are_in_the_database(tmp_path: Path) -> None:
    _policy_file(tmp_path)

    assert first_steps(Settings(policies=tmp_path, key_pepper=SecretStr("v1:x")), {}) is None
