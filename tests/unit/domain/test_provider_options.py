import pytest

from gateway.domain.policy import OptionValue, Secret
from gateway.domain.provider_options import OPTIONS, text_of


def test_what_is_missing_is_said_in_words() -> None:
    bedrock = OPTIONS["bedrock"]

    assert bedrock.missing(()) == ("region", "api_key or access_key_id and secret_access_key or ambient_credentials")
    assert bedrock.missing(("region", "api_key")) == ()


@pytest.mark.parametrize("provider", OPTIONS)
def test_each_need_names_an_option_or_a_key_of_the_deployment(provider: str) -> None:
    vocabulary = OPTIONS[provider]

    named = {name for group in vocabulary.needs for alternative in group for name in alternative}

    assert named <= {*vocabulary.options, "api_key", "api_base"}


@pytest.mark.parametrize("provider", OPTIONS)
def test_what_sounds_secret_is_secret(provider: str) -> None:
    for name, option in OPTIONS[provider].options.items():
        sounds_secret = (
            any(word in name for word in ("key", "secret", "token", "credentials")) and option.form != "flag"
        )

        assert sounds_secret == (option.form == "secret"), name


def test_the_text_of_an_option_is_the_same_whether_it_is_secret() -> None:
    options: dict[str, OptionValue] = {"plain": "a", "hidden": Secret("b"), "flag": True}

    assert [text_of(options, name) for name in ("plain", "hidden", "flag", "absent")] == ["a", "b", None, None]
