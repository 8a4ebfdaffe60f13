"""What a deployment may say to its provider besides endpoint and key: one table, read by policy files and providers.

A provider without a row takes no options. Nothing is looked for in the environment or on the machine unless
`ambient_credentials` says so.
"""

from collections.abc import Collection, Mapping
from typing import Final, Literal

from msgspec import Struct

from gateway.domain.policy import OptionValue


class Option(Struct, frozen=True, kw_only=True):
    """One key of `provider_options`.

    form  text: `${NAME}` may stand in it; secret: nothing but one `${NAME}`; url: http(s), `${NAME}` too; flag: true or
          false
    """

    meaning: str
    form: Literal["text", "secret", "url", "flag"] = "text"


class Vocabulary(Struct, frozen=True, kw_only=True):
    """The options of one provider.

    needs  of each group, every key of at least one alternative must be there; `api_key` and `api_base` may be named too
    """

    options: Mapping[str, Option]
    needs: tuple[tuple[tuple[str, ...], ...], ...] = ()

    def missing(self, given: Collection[str]) -> tuple[str, ...]:
        """What is still to be given, in words; empty where nothing is."""
        return tuple(
            " or ".join(" and ".join(alternative) for alternative in group)
            for group in self.needs
            if not any(set(alternative) <= set(given) for alternative in group)
        )


AMBIENT: Final = "ambient_credentials"
_AMBIENT: Final = Option(form="flag", meaning="true: use what the machine itself is allowed to do")

OPTIONS: Final[Mapping[str, Vocabulary]] = {
    "azure": Vocabulary(
        options={
            "api_version": Option(
                meaning="such as 2024-10-21; api_base is then the resource, https://NAME.openai.azure.com"
            )
        },
        needs=((("api_base",),),),
    ),
    "bedrock": Vocabulary(
        options={
            "region": Option(
                meaning="such as eu-central-1; it is signed, and names the endpoint where no api_base does"
            ),
            "access_key_id": Option(form="secret", meaning="with secret_access_key, instead of api_key"),
            "secret_access_key": Option(form="secret", meaning="with access_key_id"),
            "session_token": Option(form="secret", meaning="of temporary keys"),
            AMBIENT: _AMBIENT,
        },
        needs=((("region",),), (("api_key",), ("access_key_id", "secret_access_key"), (AMBIENT,))),
    ),
    "vertex_ai": Vocabulary(
        options={
            "project": Option(meaning="the Google Cloud project"),
            "location": Option(meaning="such as europe-west4; no request leaves for another"),
            "credentials": Option(form="secret", meaning="the JSON of a service account's key"),
            AMBIENT: _AMBIENT,
        },
        needs=((("project",),), (("location",),), (("credentials",), (AMBIENT,))),
    ),
    "watsonx": Vocabulary(
        options={
            "project_id": Option(meaning="the project that is billed"),
            "space_id": Option(meaning="the deployment space, instead of project_id"),
            "iam_url": Option(form="url", meaning="where the key is exchanged for a token; IBM Cloud's, if absent"),
        },
        needs=((("project_id",), ("space_id",)), (("api_base",),), (("api_key",),)),
    ),
}

SELF_HOSTED: Final = frozenset({"gpt4all", "llama_cpp", "lm_studio", "tgi", "tgi_generate", "vllm"})
"""Servers of one's own: without an `api_base` there is nobody to call, and above all not a provider's public API."""


def text_of(options: Mapping[str, OptionValue], name: str) -> str | None:
    """The text of an option, a secret's too; None where it is not given."""
    value = options.get(name)
    if value is None or isinstance(value, bool):
        return None
    return value if isinstance(value, str) else value.reveal()
