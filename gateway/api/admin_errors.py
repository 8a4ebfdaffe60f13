"""What goes wrong on the admin plane → its status and body: `{"detail": "…"}`, or `{"detail": {"problems": […]}}`."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from gateway.domain.acts import ActsUnavailableError
from gateway.domain.key_acts import KeyStateError, NoSuchKeyError
from gateway.domain.key_names import KeyTermsError

Responses = dict[int | str, dict[str, Any]]
"""What routes say of their answers, by status."""

_LONGEST_PATH: Final = 200
_STATUSES: Final[dict[type[Exception], int]] = {
    NoSuchKeyError: 404,
    KeyStateError: 409,
    ActsUnavailableError: 503,
}
_TEXT: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["detail"],
    "properties": {"detail": {"type": "string"}},
}
_PROBLEMS: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["detail"],
    "properties": {
        "detail": {
            "type": "object",
            "required": ["problems"],
            "properties": {
                "problems": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "required": ["message"],
                        "properties": {"path": {"type": "string"}, "message": {"type": "string"}},
                    },
                }
            },
        }
    },
}


def handle_errors(app: FastAPI) -> None:
    """Have the application answer them."""
    for kind, status in _STATUSES.items():
        app.add_exception_handler(kind, _telling(status))
    app.add_exception_handler(KeyTermsError, _terms)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(ClientDisconnect, _nobody_is_there)


def described(what: str, example: str | None = None) -> dict[str, Any]:
    """For `responses` of a route: an answer that tells one thing."""
    content: dict[str, Any] = {"schema": _TEXT}
    if example is not None:
        content["example"] = {"detail": example}
    return {"description": what, "content": {"application/json": content}}


def invalid(path: str, message: str) -> dict[str, Any]:
    """For `responses` of a route: an answer that tells every problem, with one as an example."""
    example = {"detail": {"problems": [{"path": path, "message": message}]}}
    content = {"schema": _PROBLEMS, "example": example}
    return {"description": "Every problem, with where it is", "content": {"application/json": content}}


def _telling(status: int) -> Callable[[Request, Exception], Response]:
    def tell(_request: Request, error: Exception) -> Response:
        return JSONResponse({"detail": str(error)}, status)

    return tell


def _terms(_request: Request, error: Exception) -> Response:
    field = error.field if isinstance(error, KeyTermsError) else ""
    return _problems([{"path": field, "message": str(error)}])


def _invalid(_request: Request, error: Exception) -> Response:
    """Never what was sent: only where it is wrong, and why."""
    errors: Sequence[Mapping[str, Any]] = error.errors() if isinstance(error, RequestValidationError) else ()
    return _problems([{"path": _path(each["loc"]), "message": str(each["msg"])} for each in errors])


def _problems(problems: list[dict[str, str]]) -> Response:
    printable = [{key: _printable(value) for key, value in problem.items()} for problem in problems]
    return JSONResponse({"detail": {"problems": printable}}, 422)


def _path(loc: Sequence[Any]) -> str:
    """`limits.requests_per_minute`: what of the body, or which parameter."""
    parts = [str(part) for part in loc]
    return ".".join(parts[1:] or parts)[:_LONGEST_PATH]


def _printable(text: str) -> str:
    """Half a surrogate pair, which a client may send, is not for JSON."""
    return text.encode("utf-8", "backslashreplace").decode()


def _nobody_is_there(_request: Request, _error: Exception) -> Response:
    """The client left in the middle of its body; the server sends this nowhere, and it is no fault to log."""
    return Response(status_code=400)
