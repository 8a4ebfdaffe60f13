"""The JSON Schema of policy files, for editors: the keys, their types and their meaning.

It accepts all that the loader accepts. The loader knows more: which names exist, whether a condition compiles.
"""

from collections.abc import Mapping
from typing import Any, Final

from gateway.policyfile.items import TIERS
from gateway.policyfile.schema import (
    EVERY_TEAM,
    NESTED,
    SECTIONS,
    Raw,
    RawCheck,
    RawConcurrency,
    RawConstraint,
    RawDeployment,
    RawKeepText,
    RawLimits,
    RawPolicy,
    RawPrice,
    RawQuality,
    RawRollout,
    RawRoute,
    RawRule,
    RawSession,
    RawThen,
    RawTimeout,
)

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_BOUNDS: Final = {"ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum", "lt": "exclusiveMaximum"}
_TIERS_DESCRIPTION: Final = "The tiers, the smallest first; small and large, if absent."
_AS_WRITTEN: Final[Mapping[type[Raw], Mapping[str, Any]]] = {
    RawDeployment: {
        "labels": {"additionalProperties": {"type": ["string", "number", "boolean"]}, "type": "object"},
        "provider_options": {"additionalProperties": {"type": ["string", "boolean"]}, "type": "object"},
    },
    RawRoute: {"then": {"type": "array", "items": {"anyOf": [{"type": "string"}, {"$ref": "#/$defs/RawThen"}]}}},
    RawPolicy: {"rollout": {"anyOf": [{"enum": ["on", "shadow"]}, {"$ref": "#/$defs/RawRollout"}]}},
    RawKeepText: {
        "teams": {
            "anyOf": [
                {"const": EVERY_TEAM},
                {"type": "array", "items": {"type": "string", "minLength": 1}, "minItems": 1},
            ]
        }
    },
    RawRollout: {"canary": {"type": "string", "pattern": r"^\d{1,3}(\.\d{1,4})? ?%$"}},
}
"""Keys whose value is not what the model says: it may be written shorter, or is checked by a function."""
_SECTION_DESCRIPTIONS: Final = {
    "deployments": "What can be called.",
    "routes": "In which order deployments are tried.",
    "policies": "Who goes where.",
}

DESCRIPTIONS: Final[Mapping[type[Raw], Mapping[str, str]]] = {
    RawDeployment: {
        "name": "What routes and records call it: up to 64 letters, digits, '.', '_' and '-'.",
        "tier": "small, large, or any name of yours.",
        "provider": "The wire protocol openai, or another provider's name.",
        "model": "The model's name at the provider.",
        "api_base": "URL up to and with /v1; ${NAME} stands for an environment variable. Absent: the provider's own.",
        "api_key": "Only as ${NAME}: policy files hold no secrets. Absent: none is sent.",
        "provider_options": "What else it needs: a region, a project, keys as ${NAME}; docs/providers.md has them.",
        "context_window": "Tokens, input and output together; longer requests pass it by. Absent: not checked.",
        "capabilities": "Requests that need another pass it by. Absent: not checked; []: none of them.",
        "labels": "Your own mapping of text, numbers, true and false, for constraints.",
        "concurrency": "How many calls may be under way at once. Absent: as many as come.",
        "limits": "How much it may be sent in a minute and a day, by all gateways together. Absent: as much as comes.",
        "price": "Absent: the bundled price map; unknown there: unpriced, never free.",
        "energy_wh_per_1k_tokens": "Watt-hours that a thousand tokens take, read or written. Absent: not known.",
    },
    RawConcurrency: {
        "calls": "Calls under way at once, of one process.",
        "queue": "Calls that may wait for a place; 0 if absent: a full deployment is passed over at once.",
        "queue_s": "How long each waits, in seconds; 1 if absent.",
    },
    RawLimits: {
        "requests_per_minute": "Calls in a minute; each try counts.",
        "requests_per_day": "Calls in a day.",
        "tokens_per_minute": "Tokens in a minute, of prompts and answers together.",
        "tokens_per_day": "Tokens in a day.",
    },
    RawPrice: {
        "input_per_mtok_usd": "Dollars per million input tokens.",
        "output_per_mtok_usd": "Dollars per million output tokens.",
        "cached_input_per_mtok_usd": "Dollars per million cached input tokens. Absent: they cost what the others do.",
        "cache_write_per_mtok_usd": "Of input written to a cache. Absent: what other input costs.",
        "cache_write_1h_per_mtok_usd": "Of input written to a cache for an hour. Absent: what other writes cost.",
        "reasoning_per_mtok_usd": "Of thought. Absent: what other output costs.",
        "audio_input_per_mtok_usd": "Of sound in the prompt. Absent: a call that has some is unpriced.",
        "audio_output_per_mtok_usd": "Of sound in the answer. Absent: a call that has some is unpriced.",
        "image_input_per_mtok_usd": "Of pictures in the prompt. Absent: what other input costs.",
        "image_output_per_mtok_usd": "Of pictures in the answer. Absent: a call that has some is unpriced.",
        "search_usd": "Dollars for each search of the web. Absent: a call that made some is unpriced.",
        "request_usd": "Dollars for each call, whatever its size.",
        "gpu_hour_usd": "Dollars for an hour of your own hardware; with tokens_per_second, instead of token prices.",
        "tokens_per_second": "Tokens your hardware generates in a second.",
    },
    RawRoute: {
        "name": "What rules call it.",
        "try": "Deployments, tried in the order of the strategy.",
        "strategy": "In which order 'try' is tried: as listed, if absent.",
        "weights": "Of the strategy weighted: each deployment's share of the whole.",
        "then": "Deployments to fall back to, in order; each on any failure, or as {after: […], try: […]}.",
        "retries": "Tries more of the same deployment after an error worth a retry.",
        "timeout": "Of one attempt, in seconds.",
        "max_latency_ms": "Those of 'try' that lately took longer to their first byte come last.",
        "check": "What an answer of 'try' must pass before any of it leaves; where it does not, 'then' answers.",
        "when_all_rest": "Where every deployment rests after failures: call them all the same, if absent, or refuse.",
    },
    RawCheck: {
        "not_empty": "It says something.",
        "complete": "It was not cut off.",
        "not_refused": "The model did not refuse to answer.",
        "tool_calls": "The tools it calls were offered, and their arguments meet their schemas.",
        "json_schema": "It is JSON and meets the schema, where the request asks for that.",
        "same_language": "It is in the language of the ask, or the one asked for.",
        "code_parses": "Code in it parses.",
        "not_repetitive": "It does not go round in circles.",
        "min_score": "The least probability that it is right, by a classifier trained on answers; turns every test on.",
        "buffer_kb": "A streamed answer is decided at the latest when so much of it has come; 256 if absent.",
    },
    RawThen: {
        "try": "Deployments to fall back to, in order.",
        "after": "The kinds of failure they take over on. Absent: any.",
    },
    RawSession: {
        "affinity": "Whether a conversation keeps its deployment; true if absent.",
        "idle_s": "Seconds after which an unused session is forgotten; 3600 if absent.",
        "cache_s": "Seconds an upstream is taken to keep a prompt cache warm; 300 if absent.",
    },
    RawKeepText: {
        "teams": "all, or the teams whose text is kept; callers without a team are in all only.",
        "days": "Days it is kept, at most as long as the record.",
        "answers": "Whether answers are kept too; true if absent.",
        "max_bytes": "Bytes of a request's messages, the latest, and as many of its answer; 65536 if absent.",
    },
    RawRollout: {
        "mode": "on: it decides; shadow: it is asked beside the policy in force, and recorded.",
        "canary": "The share of the sessions it decides for, such as 10%.",
    },
    RawTimeout: {
        "connect_s": "Until connected, in seconds.",
        "first_token_s": "Until the first token, in seconds.",
        "idle_s": "Between two chunks, in seconds.",
        "total_s": "The whole attempt, in seconds.",
    },
    RawPolicy: {
        "name": "What records call it.",
        "serves": "The model aliases clients ask for; an alias belongs to one policy.",
        "rollout": "shadow, or {canary: 10%}: how far this policy has come. Absent: it is in force.",
        "headers": "Request headers that conditions may read, in lower case.",
        "timezone": "What time.* is told in, such as Europe/Paris; UTC if absent.",
        "on_unrecordable": "Where no record can be written: refuse, or continue, if absent, and count what is lost.",
        "keep_text": "Whose prompts and answers are kept, redacted. Absent: nobody's.",
        "session": "How the requests of one conversation are treated.",
        "baseline": "The deployment you would have used: savings are measured against it.",
        "quality": "How good is good enough.",
        "constraints": "Where 'when' holds, only deployments that meet 'require' may be called. Nothing overrules one.",
        "rules": "The first whose 'when' holds chooses the route.",
        "default": "The route where no rule matches.",
    },
    RawQuality: {
        "threshold": "What conditions read as quality.threshold, 0 to 1; 0.5 if absent. Or give 'keep'.",
        "keep": "The share of answers that must stay good enough.",
        "confidence": "How sure to be of 'keep'.",
    },
    RawConstraint: {
        "name": "One sentence; records say it.",
        "when": "CEL over the facts of a request.",
        "require": 'CEL over one deployment, such as labels.residency == "on_prem".',
        "on_unavailable": "Where the chosen route holds no permitted deployment: refuse, if absent, or another route.",
    },
    RawRule: {
        "name": "One sentence; records and headers say it.",
        "when": "CEL over the facts of a request, such as classification.small_ok >= quality.threshold.",
        "route": "The route such requests take.",
    },
}


def policy_file_schema() -> dict[str, Any]:
    """One schema for any policy file; plain JSON values, the same each time."""
    return {
        "$schema": DIALECT,
        "title": "Sizewise policy file",
        "type": "object",
        "additionalProperties": False,
        "properties": {
            section: {
                "type": "array",
                "description": _SECTION_DESCRIPTIONS[section],
                "items": {"$ref": f"#/$defs/{model.__name__}"},
            }
            for section, model in SECTIONS.items()
        }
        | {TIERS: {"type": "array", "description": _TIERS_DESCRIPTION, "items": {"type": "string"}}},
        "$defs": {
            model.__name__: definition(model, DESCRIPTIONS[model], _AS_WRITTEN.get(model, {}))
            for model in (*SECTIONS.values(), *NESTED.values())
        },
    }


def definition(
    model: type[Raw], descriptions: Mapping[str, str], as_written: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """pydantic's schema of one model: references reach across, numbers are numbers, each key says what it means.

    as_written  the keys whose value is not what the model says, with what it is
    """
    schema = model.model_json_schema()
    properties = {
        key: {"description": descriptions[key]} | dict(as_written.get(key, _plain(value)))
        for key, value in schema["properties"].items()
    }
    return {
        "type": "object",
        "additionalProperties": False,
        "required": schema.get("required", []),
        "properties": properties,
    }


def _plain(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Without the titles and defaults that are Python's; a Decimal, which pydantic lets be text, is a number."""
    plain = {key: value for key, value in schema.items() if key not in {"title", "default", *_BOUNDS, "decimal_places"}}
    choices = plain.get("anyOf", [])
    if {"type": "string"} in choices and {"type": "number"} in choices:
        del plain["anyOf"]
        return plain | {"type": "number"} | {_BOUNDS[key]: schema[key] for key in _BOUNDS if key in schema}
    if choices:
        plain["anyOf"] = [_plain(choice) for choice in choices]
    return plain
