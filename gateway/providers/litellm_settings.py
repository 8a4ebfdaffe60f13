"""litellm as the gateway runs it: imported without touching the network, quiet, and one upstream call for each of ours.

Everything that uses litellm takes it from here, so that nothing imports it before its environment is set.
"""

import logging
import os
from typing import Final

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # else its import fetches a price map
os.environ.setdefault("LITELLM_MODE", "PRODUCTION")  # else its import reads a .env file into the environment
# httpx, aiohttp, requests and urllib, which its providers use as they like, all read proxy variables unless this says
# that no host is behind a proxy: prompts and keys go where the policy says and nowhere else.
os.environ["NO_PROXY"] = os.environ["no_proxy"] = "*"

import aiohttp
import httpx
import litellm
from litellm import exceptions
from litellm.litellm_core_utils import url_utils
from litellm.llms.custom_httpx.aiohttp_transport import AIOHTTP_EXC_MAP
from litellm.llms.custom_httpx.async_client_cleanup import close_litellm_async_clients

__all__ = ["close_clients", "exceptions", "litellm", "settle"]

_NOT_REPEATED: Final = {aiohttp.ClientConnectorError: httpx.ConnectTimeout, aiohttp.ClientOSError: httpx.ReadError}
"""litellm's HTTP handler sends a request a second time after an `httpx.ConnectError`, without a switch. This is what
its transport calls the same failures here instead; nothing else in litellm makes that difference."""


def _fetch_nothing(url: str) -> tuple[str, str]:  # noqa: ARG001 (litellm calls it with what it would fetch)
    """In place of litellm's check of a URL before it fetches what a request names: pictures, files, documents.

    Its own check lets it fetch from any public host, so a client could make the gateway call one.
    """
    raise url_utils.SSRFError("the gateway fetches nothing for a client; send the contents as a data: URL")


def settle() -> None:
    """litellm prints, logs prompts, downloads tokenizers, mends and repeats requests unless told not to."""
    litellm.suppress_debug_info = True
    litellm.redact_messages_in_exceptions = True
    litellm.turn_off_message_logging = True
    litellm.disable_hf_tokenizer_download = True
    litellm.user_url_validation = True
    litellm.disable_aiohttp_trust_env = True
    litellm.aiohttp_trust_env = False
    litellm.drop_params = False
    litellm.modify_params = False
    litellm.cache = None
    logging.getLogger("LiteLLM").setLevel(logging.CRITICAL)
    AIOHTTP_EXC_MAP.update(_NOT_REPEATED)
    url_utils.validate_url = _fetch_nothing


async def close_clients() -> None:
    """Close litellm's HTTP clients; they are shared by all its providers and made anew where one is used again."""
    await close_litellm_async_clients()  # type: ignore[no-untyped-call]  # litellm leaves it untyped
    litellm.in_memory_llm_clients_cache.flush_cache()  # type: ignore[no-untyped-call]  # the same
