"""Every row of the provider matrix: what the contract runs over, and what docs/providers.md is written from."""

from collections.abc import Mapping
from typing import Final

from tests.conformance import openai_api as wire
from tests.conformance.anthropic_api import AnthropicApi
from tests.conformance.bedrock_api import ACCESS_KEY, REGION, SESSION, ConverseApi, TitanApi
from tests.conformance.cohere_api import CohereApi
from tests.conformance.google_api import GoogleApi, service_account
from tests.conformance.openai_api import OpenAIApi
from tests.conformance.row import Row, secret
from tests.conformance.tgi_api import TgiApi
from tests.conformance.watsonx_api import WatsonxApi

_CLAUDE: Final = "eu.anthropic.claude-sonnet-4-5-20250929-v1:0"
_LLAMA: Final = "meta.llama3-8b-instruct-v1:0"
_TITAN: Final = "amazon.titan-text-express-v1"
_SIGNED: Final = {
    "region": REGION,
    "access_key_id": "${AWS_ACCESS_KEY_ID}",
    "secret_access_key": "${AWS_SECRET_ACCESS_KEY}",
    "session_token": "${AWS_SESSION_TOKEN}",
}
_AWS_KEYS: Final = {
    "access_key_id": lambda url: ACCESS_KEY,
    "secret_access_key": lambda url: secret(),
    "session_token": lambda url: SESSION,
}
_GOOGLE: Final = {"project": "acme", "location": "europe-west4", "credentials": "${GCP_SERVICE_ACCOUNT}"}
_V1: Final = "/v1/chat/completions"

ROWS: Final = (
    Row(
        title="OpenAI", provider="openai", model="gpt-4.1-mini", api=OpenAIApi(path=_V1), path="/v1", is_priced=True,
    ),
    Row(
        title="Azure OpenAI", provider="azure", model="gpt-4.1-mini", real_base="https://NAME.openai.azure.com",
        api=OpenAIApi(
            path="/openai/deployments/gpt-4.1-mini/chat/completions?api-version=2024-10-21",
            header=("api-key", ""), errors=wire.AZURE_ERRORS,
        ),
        options={"api_version": "2024-10-21"}, is_priced=True,
        not_done="`model` is the name of your deployment: priced where it is the model's; keys only, no Entra ID",
    ),
    Row(
        title="Anthropic", provider="anthropic", model="claude-haiku-4-5", api=AnthropicApi(), path="/v1",
        is_priced=True,
        not_done="what its API has no counterpart for (`logprobs`, `n` above 1, a JSON mode without a schema) is "
        "refused by the field's name; `max_tokens` is 16,384 where none is asked for",
    ),
    Row(
        title="Google Gemini", provider="gemini", model="gemini-2.5-flash",
        api=GoogleApi(models="/v1beta/models"), path="/v1beta", is_priced=True,
    ),
    Row(
        title="Google Vertex AI", provider="vertex_ai", model="gemini-2.5-flash", has_key=False,
        api=GoogleApi(
            models="/v1/projects/acme/locations/europe-west4/publishers/google/models", has_tokens=True
        ),
        options=_GOOGLE, secrets={"credentials": service_account}, is_priced=True,
        not_done="needs `pip install 'sizewise[vertex]'`; tokens come from the `token_uri` of the service account",
    ),
    Row(
        title="Amazon Bedrock, Claude", provider="bedrock", model=_CLAUDE, has_key=False,
        api=ConverseApi(model=_CLAUDE), options=_SIGNED, secrets=_AWS_KEYS, is_priced=True,
    ),
    Row(
        title="Amazon Bedrock, Llama", provider="bedrock", model=_LLAMA,
        api=ConverseApi(model=_LLAMA, is_signed=False), options={"region": REGION}, is_priced=True,
        lacks=frozenset({"tools"}), not_done="Llama 3 has no tools in Converse",
    ),
    Row(
        title="Amazon Bedrock, Titan", provider="bedrock", model=_TITAN, has_key=False,
        api=TitanApi(model=_TITAN), options=_SIGNED, secrets=_AWS_KEYS, is_priced=True,
        lacks=frozenset({"stream", "tools"}),
        not_done="Titan has no tools",
    ),
    Row(
        title="Hugging Face, chat models", provider="tgi", model="HuggingFaceH4/zephyr-7b-beta",
        api=OpenAIApi(path=_V1, errors=wire.TGI_ERRORS), path="/v1",
        real_base="https://NAME.endpoints.huggingface.cloud/v1",
    ),
    Row(
        title="Hugging Face, Flan-T5", provider="tgi_generate", model="google/flan-t5-xxl", api=TgiApi(),
        real_base="https://NAME.endpoints.huggingface.cloud", lacks=frozenset({"tools"}),
        not_done="a text model: no tools, no JSON schema, no images; of a stream the stop sequence is not cut off",
    ),
    Row(
        title="IBM watsonx, Granite", provider="watsonx", model="ibm/granite-4-h-small", api=WatsonxApi(),
        real_base="https://eu-de.ml.cloud.ibm.com", is_priced=True,
        options={"project_id": "project", "iam_url": "{url}/identity/token"},
    ),
    Row(
        title="Mistral 7B", provider="mistral", model="open-mistral-7b", path="/v1",
        api=OpenAIApi(path=_V1, sent=wire.translated, errors=wire.MISTRAL_ERRORS, usage_arrives="finish"),
    ),
    Row(
        title="Mixtral", provider="mistral", model="open-mixtral-8x7b", path="/v1",
        api=OpenAIApi(path=_V1, sent=wire.translated, errors=wire.MISTRAL_ERRORS, usage_arrives="finish"),
    ),
    Row(
        title="AI21 Jamba", provider="ai21", model="jamba-large-1.7", path="/studio/v1",
        api=OpenAIApi(
            path="/studio/v1/chat/completions", sent=wire.unasked, errors=wire.AI21_ERRORS, usage_arrives="finish"
        ),
        is_priced=True,
    ),
    Row(
        title="Cohere", provider="cohere", model="command-a-03-2025", path="/compatibility/v1",
        api=OpenAIApi(path="/compatibility/v1/chat/completions", errors=wire.COHERE_ERRORS), is_priced=True,
    ),
    Row(
        title="Cohere, v2 chat", provider="cohere_chat", model="command-a-03-2025", api=CohereApi(), path="/v2/chat",
        is_priced=True, lacks=frozenset({"stream", "tools"}),
        not_done="litellm says `stop` where a tool is called, and forgets when to come back: write `cohere`",
    ),
    Row(
        title="Ollama", provider="openai", model="llama3.2", has_key=False, path="/v1",
        real_base="http://127.0.0.1:11434/v1",
        api=OpenAIApi(path=_V1, header=None, errors=wire.OLLAMA_ERRORS),
        not_done="Ollama cuts a prompt that is too long without a word: give `context_window`; not as `ollama_chat`: "
        "litellm then also asks `/api/show`, while everything else waits",
    ),
    Row(
        title="vLLM", provider="vllm", model="Qwen/Qwen2.5-14B-Instruct", path="/v1",
        real_base="http://vllm.internal:8000/v1", api=OpenAIApi(path=_V1, errors=wire.VLLM_ERRORS),
    ),
    Row(
        title="llama.cpp", provider="llama_cpp", model="qwen2.5-7b", path="/v1",
        real_base="http://127.0.0.1:8080/v1", api=OpenAIApi(path=_V1, errors=wire.LLAMA_CPP_ERRORS),
    ),
    Row(
        title="GPT4All", provider="gpt4all", model="Llama 3 8B Instruct", has_key=False, path="/v1",
        real_base="http://127.0.0.1:4891/v1",
        api=OpenAIApi(
            path=_V1, header=None, errors=wire.GPT4ALL_ERRORS,
            fields=frozenset({"model", "messages", "max_tokens", "temperature"}),
        ),
        lacks=frozenset({"stop", "stream", "tools"}),
        not_done="its server refuses `stop` and `tools`",
    ),
    Row(
        title="LM Studio", provider="lm_studio", model="qwen2.5-7b-instruct", has_key=False, path="/v1",
        real_base="http://127.0.0.1:1234/v1",
        api=OpenAIApi(path=_V1, header=None, errors=wire.LM_STUDIO_ERRORS),
    ),
)  # fmt: skip

BY_NAME: Final[Mapping[str, Row]] = {row.name: row for row in ROWS}
