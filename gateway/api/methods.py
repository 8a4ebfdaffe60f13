"""Which HTTP methods an endpoint takes."""

from gateway.api.asgi import Scope
from gateway.domain.errors import MethodNotAllowedError


def require_method(scope: Scope, *allowed: str) -> None:
    """Raises MethodNotAllowedError for any other."""
    if scope["method"] not in allowed:
        raise MethodNotAllowedError(f"{scope['method']} is not allowed at {scope['path']!r}; use {allowed[0]}")
