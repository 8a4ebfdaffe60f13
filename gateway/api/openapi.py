"""What the OpenAPI page says of the endpoints that FastAPI does not serve itself."""

from typing import Any, Final

_TEXT_OR_NULL: Final = {"type": ["string", "null"]}
_ERROR_SCHEMA: Final = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["message", "type", "param", "code"],
            "properties": {
                "message": {"type": "string"},
                "type": {"type": "string"},
                "param": _TEXT_OR_NULL,
                "code": _TEXT_OR_NULL,
            },
        }
    },
}
_ERROR: Final = {
    "description": "An OpenAI-shaped error; `code` says which.",
    "content": {"application/json": {"schema": _ERROR_SCHEMA}},
}
_ON_THE_WIRE: Final = dict.fromkeys(("400", "401", "405", "408", "431"), _ERROR)
"""What any request may be answered."""
_ERRORS: Final = _ON_THE_WIRE | dict.fromkeys(("403", "404", "413", "415", "429", "500", "502", "503", "504"), _ERROR)
_BEARER: Final = {"in": "header", "name": "Authorization", "required": True, "schema": {"type": "string"}}
_MESSAGE: Final = {
    "type": "object",
    "required": ["role"],
    "properties": {
        "role": {"enum": ["system", "developer", "user", "assistant", "tool", "function"]},
        "content": {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "object"}}, {"type": "null"}]},
        "tool_calls": {"type": ["array", "null"]},
    },
    "additionalProperties": True,
}
_OBJECT: Final = {"type": "object"}
_CHAT_ANSWER: Final = {
    "description": "The upstream's answer, as it sent it; events where `stream` is true.",
    "content": {"application/json": {"schema": _OBJECT}, "text/event-stream": {}},
}
_MODELS: Final = {
    "type": "object",
    "required": ["object", "data"],
    "properties": {
        "object": {"const": "list"},
        "data": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["id", "object", "created", "owned_by"],
                "properties": {
                    "id": {"type": "string"},
                    "object": {"const": "model"},
                    "created": {"type": "integer"},
                    "owned_by": {"type": "string"},
                },
            },
        },
    },
}

DATA_PLANE_PATHS: Final[dict[str, Any]] = {
    "/v1/chat/completions": {
        "post": {
            "summary": "Create a chat completion",
            "description": (
                "The OpenAI Chat Completions API. `model` is an alias that a policy serves; all other fields are passed"
                " on as they are. The answer's x-sizewise-* headers say what was decided."
            ),
            "operationId": "create_chat_completion",
            "parameters": [_BEARER],
            "requestBody": {
                "required": True,
                "content": {
                    "application/json": {
                        "schema": {
                            "type": "object",
                            "required": ["model", "messages"],
                            "properties": {
                                "model": {"type": "string", "minLength": 1, "maxLength": 256, "example": "auto"},
                                "messages": {"type": "array", "minItems": 1, "maxItems": 10_000, "items": _MESSAGE},
                                "stream": {"type": ["boolean", "null"]},
                                "stream_options": {"type": ["object", "null"]},
                            },
                            "additionalProperties": True,
                        }
                    }
                },
            },
            "responses": {"200": _CHAT_ANSWER, **_ERRORS},
        }
    },
    "/v1/models": {
        "get": {
            "summary": "List the model aliases",
            "operationId": "list_models",
            "parameters": [_BEARER],
            "responses": {
                "200": {
                    "description": "One model for each alias that a policy serves.",
                    "content": {"application/json": {"schema": _MODELS}},
                },
                **_ON_THE_WIRE,
            },
        }
    },
    "/v1/feedback": {
        "post": {
            "summary": "Say how good an answer was",
            "description": (
                "Of a request this key has sent; the latest word counts. A score alone means good from 0.5 on."
            ),
            "operationId": "give_feedback",
            "parameters": [_BEARER],
            "requestBody": {
                "required": True,
                "content": {
                    "application/json": {
                        "schema": {
                            "type": "object",
                            "required": ["request_id"],
                            "properties": {
                                "request_id": {"type": "string", "description": "The answer's x-request-id."},
                                "score": {"type": "number", "minimum": 0, "maximum": 1},
                                "label": {"type": "string", "enum": ["good", "bad"]},
                                "comment": {"type": "string", "maxLength": 2000},
                            },
                            "anyOf": [{"required": ["score"]}, {"required": ["label"]}],
                            "additionalProperties": False,
                        }
                    }
                },
            },
            "responses": {
                "200": {"description": "What was stored."},
                "404": {"description": "This key has sent no such request."},
                "503": {"description": "The request is not recorded yet, or the database is down; see Retry-After."},
                **dict.fromkeys(("400", "401", "413", "415"), _ERROR),
            },
        }
    },
}
