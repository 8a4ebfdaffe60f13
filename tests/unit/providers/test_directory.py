import subprocess
import sys

import pytest

from gateway.providers.anthropic_http import AnthropicProvider
from gateway.providers.directory import ProviderDirectory
from gateway.providers.openai_http import OpenAIProvider, api_key, bearer
from gateway.providers.whole_stream import WholeStreamProvider
from tests.virtual_time import run


def _directory() -> ProviderDirectory:
    return ProviderDirectory(now=lambda: 1_790_000_000.0)


@pytest.mark.parametrize(("name", "header"), [("openai", bearer), ("azure", api_key)])
def test_our_own_providers_send_the_key_in_their_servers_way(name: str, header: object) -> None:
    provider = _directory().get(name)

    assert isinstance(provider, OpenAIProvider)
    assert provider._auth_header is header


def test_a_provider_is_made_once() -> None:
    directory = _directory()

    assert directory.get("openai") is directory.get("openai")


def test_our_own_providers_share_one_pool_of_connections() -> None:
    directory = _directory()
    openai, azure, anthropic = (directory.get(name) for name in ("openai", "azure", "anthropic"))

    assert isinstance(openai, OpenAIProvider)
    assert isinstance(azure, OpenAIProvider)
    assert isinstance(anthropic, AnthropicProvider)
    assert openai._client is azure._client is anthropic._client


def test_closing_twice_is_fine() -> None:
    async def main() -> str:
        directory = _directory()
        await directory.aclose()
        await directory.aclose()
        return "closed"

    assert run(main()) == "closed"


def test_litellm_is_imported_for_its_own_providers_only() -> None:
    program = (
        "import sys\n"
        "from gateway.providers.directory import ProviderDirectory\n"
        "directory = ProviderDirectory(now=lambda: 0.0)\n"
        "directory.get('openai'), directory.get('azure'), directory.get('anthropic')\n"
        "print('litellm' in sys.modules)\n"
    )

    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert ran.stdout.strip() == "False"


def test_any_other_name_is_litellms() -> None:
    provider = _directory().get("mistral")

    assert type(provider).__name__ == "LitellmProvider"


@pytest.mark.parametrize("name", ["bedrock", "cohere_chat", "gpt4all"])
def test_a_provider_with_models_that_do_not_stream_streams_them_in_one_piece(name: str) -> None:
    directory = _directory()

    assert isinstance(directory.get(name), WholeStreamProvider)
    assert directory.get(name) is directory.get(name)
