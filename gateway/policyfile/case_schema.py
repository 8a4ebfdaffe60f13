"""The JSON Schema of a policy's cases, for editors; as far as a schema goes, as that of policy files."""

from collections.abc import Mapping
from typing import Any, Final

from gateway.policyfile.cases import Expected, RawCase, RawKey
from gateway.policyfile.circumstances import RawBudget, RawMeasured, RawPast, RawSaid
from gateway.policyfile.json_schema import DIALECT, definition
from gateway.policyfile.schema import Raw

_AS_WRITTEN: Final[Mapping[type[Raw], Mapping[str, Mapping[str, Any]]]] = {
    RawCase: {"at": {"type": "string"}},
    Expected: {
        "excluded": {
            "anyOf": [
                {"type": "array", "items": {"type": "string"}},
                {"type": "object", "additionalProperties": {"type": "string"}},
            ]
        }
    },
}

DESCRIPTIONS: Final[Mapping[type[Raw], Mapping[str, str]]] = {
    RawCase: {
        "policy": "The policy that decides, be it only being rolled out. Absent: the one in force for the alias.",
        "signals": "Signals to take in place of the measured ones.",
        "classification": "What to take the classifier to have said, in place of what it says.",
        "headers": "Request headers, of those the policy reads.",
        "budget": "The budget of the key. Absent: there is none.",
        "resting": "Deployments that are cooling down.",
        "latency_ms": "Deployment: the milliseconds it lately took to its first byte.",
        "session": "What is remembered of the conversation. Absent: it is new.",
        "at": "The time of the request, such as 2026-11-20 14:30; UTC if it names no zone.",
        "ask": "The last human text. Or give 'request'.",
        "alias": "The model alias it asks for; auto, if absent and the policy serves it.",
        "system": "The system prompt.",
        "turns": "Messages a human wrote, the ask included; 1 if absent.",
        "tool_loop": "Whether a tool's result follows the ask.",
        "tools": "The names of the tools that are offered.",
        "metadata": "The request's own metadata.",
        "request": "A whole OpenAI or Anthropic chat body, in place of 'ask' and what goes with it.",
        "name": "One sentence that says what must be so; unique in the directory.",
        "key": "Whose key it comes with.",
        "expect": "What must be so of the decision; one key at least.",
    },
    RawKey: {
        "id": "The key's id.",
        "team": "Its team.",
        "app": "Its application.",
        "tags": "Its tags.",
    },
    Expected: {
        "route": "The route chosen.",
        "rule": "The rule that chose it; default, where none matched.",
        "deployment": "The first of the plan.",
        "tier": "The tier of the first of the plan.",
        "plan": "The deployments in the order they would be tried.",
        "excluded": "Deployments that are left out, or a mapping of them to a part of the reason; others may be.",
        "reason": "A part of one of the decision's reasons.",
        "refused": "Whether no deployment is left.",
    },
    RawMeasured: {
        "tokens": "Estimated input tokens of the whole conversation.",
        "ask_tokens": "Estimated tokens of the last human ask.",
        "turns": "Messages a human wrote.",
        "messages": "Messages of any role.",
        "tools": "Tools offered.",
        "tool_loop": "Whether an agent is at work.",
        "images": "Images.",
        "structured": "Whether the answer must be JSON.",
        "code": "Whether the last ask holds code.",
        "maths": "Whether the last ask holds maths.",
        "max_output_tokens": "The client's limit on the answer; 0: none.",
        "script": "The script of the last ask.",
        "sensitivity": "The gravest kind of sensitive content.",
        "code_language": "The language of that code; empty without code.",
        "language": "The language of the last ask, ISO 639-1; und where it cannot be told.",
        "asked_tokens": "How long an answer the ask wants; 0: it does not say.",
        "trivial": "Whether the last ask is a greeting, thanks, a yes or a no, and nothing else.",
        "sensitive": "Every kind of sensitive content in the conversation.",
    },
    RawSaid: {
        "task": "The task.",
        "small_ok": "Probability that the small tier is good enough, 0 to 1.",
        "confidence": "How sure it is, 0 to 1.",
        "has_evidence": "Whether it has evidence.",
    },
    RawBudget: {"used_ratio": "Share of the budget that is used: 0.9 is 90 %, above 1 it is overspent."},
    RawPast: {
        "route": "The route it went.",
        "rule": "The rule that chose it; default, if absent.",
        "deployment": "Who answered last; the first of the route, if absent.",
        "sensitive": "The kinds of sensitive content found so far.",
        "prefix_tokens": "Tokens the prompt cache may hold.",
        "age_s": "Seconds since its last request.",
    },
}


def case_file_schema() -> dict[str, Any]:
    """One schema for any `*.cases.yaml`; plain JSON values, the same each time."""
    definitions = {
        model.__name__: definition(model, descriptions, _AS_WRITTEN.get(model, {}))
        for model, descriptions in DESCRIPTIONS.items()
    }
    definitions["RawCase"]["anyOf"] = [{"required": ["ask"]}, {"required": ["request"]}]
    cases = {"type": "array", "description": "Each a request and its decision.", "items": {"$ref": "#/$defs/RawCase"}}
    return {
        "$schema": DIALECT,
        "title": "Sizewise cases",
        "type": "object",
        "additionalProperties": False,
        "required": ["cases"],
        "properties": {"cases": cases},
        "$defs": definitions,
    }
