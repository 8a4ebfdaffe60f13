import pytest

from gateway.api.methods import require_method
from gateway.domain.errors import MethodNotAllowedError
from tests.unit.api.asgi_client import scope


def test_an_allowed_method_passes() -> None:
    scopes = [scope("GET"), scope("HEAD")]

    assert [require_method(each, "GET", "HEAD") for each in scopes] == [None, None]  # type: ignore[func-returns-value]


@pytest.mark.parametrize("method", ["POST", "get", "", "OPTIONS"])
def test_any_other_is_refused_with_the_one_to_use(method: str) -> None:
    with pytest.raises(MethodNotAllowedError, match="use GET"):
        require_method(scope(method, "/v1/models"), "GET", "HEAD")
