"""The raw policy language, one pydantic model for each kind of mapping; unknown keys are errors."""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator, model_validator

from gateway.domain.errors import Trigger
from gateway.domain.policy import Strategy

_IDENTIFIER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_ALIAS = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,127}")
_HEADER = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_PERCENT = re.compile(r"(\d{1,3}(?:\.\d{1,4})?) ?%")
_LONGEST_SENTENCE = 120
REFUSE = "refuse"
EVERY_TEAM = "all"
_FORGEABLE = frozenset({"forwarded", "via", "x-real-ip", "x-request-id", "x-client-ip", "true-client-ip"})
_FORGEABLE_PREFIXES = ("x-forwarded-", "x-envoy-", "x-sizewise-", "cf-")
CREDENTIAL_HEADERS = frozenset({"authorization", "proxy-authorization", "x-api-key", "api-key", "cookie"})

NOT_YET: Mapping[str, Mapping[str, str | None]] = {
    "": {"settings": None},
    "routes": {
        **dict.fromkeys(("race", "hedge")),
        "kind": "write 'strategy'",
        "weighted": "write 'strategy: weighted' and 'weights'",
        "sticky": "write 'strategy: sticky'",
    },
    "policies": {
        **dict.fromkeys(("budget", "mode")),
        "shadow": "write 'rollout: shadow'",
        "canary": "write 'rollout: {canary: 10%}'",
        "sticky": "write 'session: {affinity: true}', which is the default",
    },
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


def _share(value: Any) -> Decimal:
    """A share as people write it, `10%`, as a number from 0 to 1."""
    match = _PERCENT.fullmatch(value) if isinstance(value, str) else None
    if match is None or not 0 < Decimal(match[1]) < 100:
        raise ValueError("must be a share of the sessions above 0% and below 100%, such as 10%")
    return Decimal(match[1]) / 100


def _rollout(value: Any) -> Any:
    return {"mode": value} if isinstance(value, str) else value


def _then(value: Any) -> Any:
    return {"try": [value]} if isinstance(value, str) else value


def _header(name: str) -> str:
    if not _HEADER.fullmatch(name):
        raise ValueError(f"{name!r} is not a header name; write it in lower case, such as x-department")
    if name in CREDENTIAL_HEADERS:
        raise ValueError(f"{name!r} carries a credential, which no condition may read")
    if name.startswith(_FORGEABLE_PREFIXES) or name in _FORGEABLE:
        raise ValueError(f"{name!r} is for proxies to set, and any client can; let a header of your own carry the fact")
    return name


def _timezone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"unknown time zone {name!r}; write one such as Europe/Paris, or UTC") from error
    return name


def _number(value: Any) -> Any:
    return Decimal(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _positive(value: Decimal) -> Decimal:
    """What is above 0 may still be nothing as a float."""
    if float(value) <= 0:
        raise ValueError("is too near to 0")
    return value


def _teams(value: Any) -> tuple[str, ...] | None:
    """The names of teams; None for all."""
    if value == EVERY_TEAM:
        return None
    if not isinstance(value, list) or not value or not all(isinstance(each, str) and each for each in value):
        raise ValueError(f"must be {EVERY_TEAM}, or a list of teams such as [support, legal]")
    if EVERY_TEAM in value:
        raise ValueError(f"write 'teams: {EVERY_TEAM}' for everybody, without a list")
    return tuple(value)


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
Weight = Annotated[Number, Field(gt=0, le=1_000_000), AfterValidator(_positive)]
Seconds = Annotated[Number, Field(gt=0, le=86_400), AfterValidator(_positive)]
Share = Annotated[Number, Field(ge=0, le=1)]
Percent = Annotated[Decimal, BeforeValidator(_share)]
Header = Annotated[str, AfterValidator(_header)]
TimeZone = Annotated[str, AfterValidator(_timezone)]
LabelValue = Annotated[Any, PlainValidator(_label)]
Teams = Annotated[Any, PlainValidator(_teams)]


class Raw(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class RawPrice(Raw):
    input_per_mtok_usd: Usd | None = None
    output_per_mtok_usd: Usd | None = None
    cached_input_per_mtok_usd: Usd | None = None
    cache_write_per_mtok_usd: Usd | None = None
    cache_write_1h_per_mtok_usd: Usd | None = None
    reasoning_per_mtok_usd: Usd | None = None
    audio_input_per_mtok_usd: Usd | None = None
    audio_output_per_mtok_usd: Usd | None = None
    image_input_per_mtok_usd: Usd | None = None
    image_output_per_mtok_usd: Usd | None = None
    search_usd: Usd | None = None
    request_usd: Usd | None = None
    gpu_hour_usd: Usd | None = None
    tokens_per_second: Annotated[Number, Field(gt=0, le=10_000_000), AfterValidator(_positive)] | None = None

    @model_validator(mode="after")
    def _is_one_of_two_forms(self) -> "RawPrice":
        by_token, by_hour = {"input_per_mtok_usd", "output_per_mtok_usd"}, {"gpu_hour_usd", "tokens_per_second"}
        given = {key for key, value in self if value is not None}
        if given != by_hour and not (by_token <= given and not given & by_hour):
            raise ValueError(
                "needs input_per_mtok_usd and output_per_mtok_usd, or gpu_hour_usd and tokens_per_second, and not both"
            )
        return self


class RawConcurrency(Raw):
    calls: Annotated[int, Field(ge=1, le=1_000_000)]
    queue: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    queue_s: Seconds | None = None


Limit = Annotated[int, Field(ge=1, le=1_000_000_000_000)]


class RawLimits(Raw):
    requests_per_minute: Limit | None = None
    requests_per_day: Limit | None = None
    tokens_per_minute: Limit | None = None
    tokens_per_day: Limit | None = None

    @model_validator(mode="after")
    def _limits_something(self) -> "RawLimits":
        if all(value is None for _, value in self):
            raise ValueError("limits nothing; give requests_per_minute, or another of its keys")
        return self


class RawDeployment(Raw):
    name: Identifier
    tier: Identifier
    provider: Identifier
    model: Sentence
    api_base: Sentence | None = None
    api_key: Sentence | None = None
    provider_options: dict[str, Sentence | bool] = {}
    context_window: Annotated[int, Field(gt=0, le=1_000_000_000)] | None = None
    capabilities: list[Literal["tools", "json_schema", "vision"]] | None = None
    labels: dict[str, LabelValue] = {}
    concurrency: RawConcurrency | None = None
    limits: RawLimits | None = None
    price: RawPrice | None = None
    energy_wh_per_1k_tokens: Annotated[Number, Field(ge=0, le=100_000)] | None = None


class RawTimeout(Raw):
    connect_s: Seconds | None = None
    first_token_s: Seconds | None = None
    idle_s: Seconds | None = None
    total_s: Seconds | None = None


class RawThen(Raw):
    names: Annotated[list[str], Field(min_length=1, alias="try")]
    after: Annotated[list[Trigger], Field(min_length=1)] | None = None


class RawCheck(Raw):
    not_empty: bool | None = None
    complete: bool | None = None
    not_refused: bool | None = None
    tool_calls: bool | None = None
    json_schema: bool | None = None
    same_language: bool | None = None
    code_parses: bool | None = None
    not_repetitive: bool | None = None
    min_score: Share | None = None
    buffer_kb: Annotated[int, Field(ge=1, le=16_384)] | None = None

    @model_validator(mode="after")
    def _checks_something(self) -> "RawCheck":
        if self.min_score is None and not any(value is True for _, value in self):
            raise ValueError("checks nothing; set one of its tests to true, or give min_score")
        return self


class RawRoute(Raw):
    name: Identifier
    first: Annotated[list[str], Field(min_length=1, alias="try")]
    strategy: Strategy = "priority"
    weights: dict[str, Weight] | None = None
    then: list[Annotated[RawThen, BeforeValidator(_then)]] = []
    retries: Annotated[int, Field(ge=0, le=10)] = 0
    timeout: RawTimeout = RawTimeout()
    max_latency_ms: Annotated[Number, Field(gt=0, le=600_000), AfterValidator(_positive)] | None = None
    check: RawCheck | None = None
    when_all_rest: Literal["call", "refuse"] = "call"

    @model_validator(mode="after")
    def _weighs_what_it_spreads(self) -> "RawRoute":
        if (self.strategy == "weighted") != (self.weights is not None):
            raise ValueError("'strategy: weighted' and 'weights' go together")
        if self.weights is not None and set(self.weights) != set(self.first):
            raise ValueError("'weights' must name each deployment of 'try', and no other")
        return self


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
    on_unavailable: str = REFUSE


class RawRule(Raw):
    name: Sentence
    when: Expression
    route: str


class RawSession(Raw):
    affinity: bool = True
    idle_s: Seconds | None = None
    cache_s: Annotated[Number, Field(ge=0, le=86_400)] | None = None


class RawRollout(Raw):
    mode: Literal["on", "shadow"] | None = None
    canary: Percent | None = None

    @model_validator(mode="after")
    def _is_one_of_three(self) -> "RawRollout":
        if (self.mode is None) == (self.canary is None):
            raise ValueError("must be shadow, or {canary: 10%}; leave it out for a policy in force")
        return self


class RawKeepText(Raw):
    teams: Teams
    days: Annotated[int, Field(ge=1, le=3_650)]
    answers: bool = True
    max_bytes: Annotated[int, Field(ge=256, le=1_048_576)] = 65_536


class RawPolicy(Raw):
    name: Identifier
    serves: Annotated[list[Alias], Field(min_length=1)]
    rollout: Annotated[RawRollout, BeforeValidator(_rollout)] | None = None
    headers: list[Header] = []
    timezone: TimeZone = "UTC"
    on_unrecordable: Literal["refuse", "continue"] = "continue"
    keep_text: RawKeepText | None = None
    session: RawSession = RawSession()
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
    "concurrency": RawConcurrency,
    "limits": RawLimits,
    "check": RawCheck,
    "timeout": RawTimeout,
    "then": RawThen,
    "keep_text": RawKeepText,
    "session": RawSession,
    "rollout": RawRollout,
    "quality": RawQuality,
    "constraints": RawConstraint,
    "rules": RawRule,
}
"""Which model a key inside an item holds."""


def keys_of(model: type[Raw]) -> list[str]:
    """The keys a mapping of this kind may have, as files write them."""
    return [field.alias or name for name, field in model.model_fields.items()]
