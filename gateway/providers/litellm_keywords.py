"""How a deployment's endpoint, key and options are said to litellm.

litellm looks for what it is not given in the environment and on the machine: a key, a region, a project. Here it is
given everything, or the call fails before anything is sent; `ambient_credentials` of a policy file is the exception.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from gateway.domain.errors import UpstreamCredentialsError
from gateway.domain.policy import Deployment
from gateway.domain.provider_options import AMBIENT, text_of

_KEYLESS: Final = frozenset({"hosted_vllm", "huggingface", "llamafile", "ollama", "ollama_chat"})
"""Servers that may be open; an empty key keeps litellm from taking one from the environment."""
_GOOGLE: Final = "https://{location}-aiplatform.googleapis.com"
_GOOGLE_GLOBAL: Final = "https://aiplatform.googleapis.com"


def keywords_of(deployment: Deployment) -> dict[str, Any]:
    """Raises UpstreamCredentialsError where the deployment says nothing of whose account it calls on."""
    return _BY_PROVIDER.get(deployment.provider, _plain)(deployment)


def _plain(deployment: Deployment) -> dict[str, Any]:
    key = _key(deployment)
    if not key and deployment.provider not in _KEYLESS:
        raise _without_credentials(deployment)
    return {"api_base": deployment.api_base, "api_key": key}


def _bedrock(deployment: Deployment) -> dict[str, Any]:
    """An empty `api_key` keeps a bearer token of the environment away."""
    options = deployment.provider_options
    keys = {f"aws_{name}": text_of(options, name) for name in ("access_key_id", "secret_access_key", "session_token")}
    has_keys = bool(keys["aws_access_key_id"] and keys["aws_secret_access_key"])
    if not (_key(deployment) or has_keys or options.get(AMBIENT)):
        raise _without_credentials(deployment)
    return {
        "api_base": deployment.api_base,
        "api_key": _key(deployment),
        "aws_region_name": text_of(options, "region"),
        **{name: value for name, value in keys.items() if value is not None},
    }


def _vertex_ai(deployment: Deployment) -> dict[str, Any]:
    """The whole path of a Gemini model is given: litellm's own goes to another region where it thinks one is needed."""
    options = deployment.provider_options
    credentials = text_of(options, "credentials")
    if credentials is None and not options.get(AMBIENT):
        raise _without_credentials(deployment)
    project, location = text_of(options, "project"), text_of(options, "location")
    host = _GOOGLE_GLOBAL if location == "global" else _GOOGLE.format(location=location)
    base = f"{deployment.api_base or host}/v1/projects/{project}/locations/{location}"
    is_gemini = deployment.model.startswith("gemini")
    return {
        "api_base": f"{base}/publishers/google/models/{deployment.model}" if is_gemini else deployment.api_base,
        "vertex_project": project,
        "vertex_location": location,
        "vertex_credentials": credentials,
    }


_BY_PROVIDER: Final[Mapping[str, Callable[[Deployment], dict[str, Any]]]] = {
    "bedrock": _bedrock,
    "vertex_ai": _vertex_ai,
}


def _key(deployment: Deployment) -> str:
    return "" if deployment.api_key is None else deployment.api_key.reveal()


def _without_credentials(deployment: Deployment) -> UpstreamCredentialsError:
    return UpstreamCredentialsError(f"deployment {deployment.name!r} gives its provider no credentials")
