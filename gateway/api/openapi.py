"""What the OpenAPI page says of the endpoints that FastAPI does not serve itself."""

from typing import Any, Final

_ERROR: Final = {"description": "An OpenAI-shaped error: {error: {message, type, param, code}}."}
_ERRORS: Final = dict.fromkeys(("400", "401", "404", "408", "413", "415", "429", "431", "502", "503", "504"), _ERROR)
_BEARER: Final = {"in": "header", "name": "Authorization", "required": True, "schema": {"type": "string"}}

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
                                "model": {"type": "string", "example": "auto"},
                                "messages": {"type": "array", "minItems": 1, "items": {"type": "object"}},
                                "stream": {"type": "boolean"},
                            },
                            "additionalProperties": True,
                        }
                    }
                },
            },
            "responses": {"200": {"description": "The upstream's answer, as it sent it."}, **_ERRORS},
        }
    },
    "/v1/models": {
        "get": {
            "summary": "List the model aliases",
            "operationId": "list_models",
            "parameters": [_BEARER],
            "responses": {"200": {"description": "One model for each alias that a policy serves."}, "401": _ERROR},
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
