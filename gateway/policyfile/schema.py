"""The raw policy language, one pydantic model for each kind of mapping; unknown keys are errors."""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator, model_validator

_IDENTIFIER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_ALIAS = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,127}")
_LONGEST_SENTENCE = 120

NOT_YET: Mapping[str, Mapping[str, str | None]] = {
    "": {"tiers": "leave it out: a tier is any name you like", "settings": None},
    "routes": dict.fromkeys(("check", "weighted", "weights", "sticky", "race", "hedge", "kind")),
    "policies": dict.fromkeys(("rollout", "shadow", "canary", "mode", "budget", "sticky")),
}
"""Keys that belong to the design but not to this release, by section, with what to do instead."""


def _identifier(text: str) -> str:
    if not _IDENTIFIER.fullmatch(text):
        raise ValueError(f"{text!r} is not a name; use up to 64 letters, digits, '.', '_' and '-'")
    return text


def _alias(text: str) -> str:
    if not _ALIAS.fullmatch(text):
        raise ValueError(f"{text!r} is not a model alias; use up to 128 letters, digits and '._:/@+-'")
    return text


def _sentence(text: str) -> str:
    if not text.isprintable() or text != text.strip() or not 1 <= len(text) <= _LONGEST_SENTENCE:
        raise ValueError(f"must be one line of 1 to {_LONGEST_SENTENCE} printable characters")
    return text


def _number(value: Any) -> Any:
    return Decimal(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _label(value: Any) -> str | bool | int | float:
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, str | bool | int):
        return value
    raise ValueError("a label is text, a number, true or false")


Identifier = Annotated[str, AfterValidator(_identifier)]
Alias = Annotated[str, AfterValidator(_alias)]
Sentence = Annotated[str, AfterValidator(_sentence)]
Expression = Annotated[str, Field(min_length=1, max_length=4000)]
Number = Annotated[Decimal, BeforeValidator(_number)]
Usd = Annotated[Number, Field(ge=0, le=1_000_000, decimal_places=12)]
Seconds = Annotated[Number, Field(gt=0, le=86_400)]
Share = Annotated[Number, Field(ge=0, le=1)]
LabelValue = Annotated[Any, PlainValidator(_label)]


class Raw(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class RawPrice(Raw):
    input_per_mtok_usd: Usd | None = None
    output_per_mtok_usd: Usd | None = None
    cached_input_per_mtok_usd: Usd | None = None
    gpu_hour_usd: Usd | None = None
    tokens_per_second: Annotated[Number, Field(gt=0, le=10_000_000)] | None = None

    @model_validator(mode="after")
    def _is_one_of_two_forms(self) -> "RawPrice":
        forms = ({"input_per_mtok_usd", "output_per_mtok_usd"}, {"gpu_hour_usd", "tokens_per_second"})
        given = {key for key, value in self if value is not None}
        if given - {"cached_input_per_mtok_usd"} not in forms or given == {*forms[1], "cached_input_per_mtok_usd"}:
            raise ValueError(
                "needs input_per_mtok_usd and output_per_mtok_usd, or gpu_hour_usd and tokens_per_second, and not both"
            )
        return self


class RawDeployment(Raw):
    name: Identifier
    tier: Identifier
    provider: Identifier
    model: Sentence
    api_base: Sentence | None = None
    api_key: Sentence | None = None
    context_window: Annotated[int, Field(gt=0, le=1_000_000_000)] | None = None
    capabilities: list[Literal["tools", "json_schema", "vision"]] | None = None
    labels: dict[str, LabelValue] = {}
    price: RawPrice | None = None


class RawTimeout(Raw):
    connect_s: Seconds | None = None
    first_token_s: Seconds | None = None
    idle_s: Seconds | None = None
    total_s: Seconds | None = None


class RawRoute(Raw):
    name: Identifier
    first: Annotated[list[str], Field(min_length=1, alias="try")]
    then: list[str] = []
    retries: Annotated[int, Field(ge=0, le=10)] = 0
    timeout: RawTimeout = RawTimeout()


class RawQuality(Raw):
    threshold: Share | None = None
    keep: Annotated[Number, Field(gt=0, lt=1)] | None = None
    confidence: Annotated[Number, Field(gt=0, lt=1)] | None = None

    @model_validator(mode="after")
    def _says_it_once(self) -> "RawQuality":
        if self.threshold is not None and self.keep is not None:
            raise ValueError("'threshold' and 'keep' both say how good is good enough; keep one of them")
        if self.confidence is not None and self.keep is None:
            raise ValueError("'confidence' says how sure to be of 'keep'; it needs 'keep'")
        return self


class RawConstraint(Raw):
    name: Sentence
    when: Expression
    require: Expression


class RawRule(Raw):
    name: Sentence
    when: Expression
    route: str


class RawPolicy(Raw):
    name: Identifier
    serves: Annotated[list[Alias], Field(min_length=1)]
    baseline: str | None = None
    quality: RawQuality = RawQuality()
    constraints: list[RawConstraint] = []
    rules: list[RawRule] = []
    default: str


RawItem = RawDeployment | RawRoute | RawPolicy

SECTIONS: Mapping[str, type[RawDeployment] | type[RawRoute] | type[RawPolicy]] = {
    "deployments": RawDeployment,
    "routes": RawRoute,
    "policies": RawPolicy,
}
NESTED: Mapping[str, type[Raw]] = {
    "price": RawPrice,
    "timeout": RawTimeout,
    "quality": RawQuality,
    "constraints": RawConstraint,
    "rules": RawRule,
}
"""Which model a key inside an item holds."""


def keys_of(model: type[Raw]) -> list[str]:
    """The keys a mapping of this kind may have, as files write them."""
    return [field.alias or name for name, field in model.model_fields.items()]
