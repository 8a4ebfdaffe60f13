"""What both OpenAPI documents promise, held against a gateway that runs: requests made from them, right and wrong.

Bounded: so many requests for each operation, the same at every run.
"""

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.admin import CALLS
from tests.gateway_process import KEY, GatewayProcess, fetch

REQUESTS = 60
"""For each operation, and each of: as the document has it, and not."""
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
OPERATIONS = [
    ("data", "POST", "/v1/chat/completions"),
    ("data", "POST", "/v1/feedback"),
    ("data", "GET", "/v1/models"),
    *(("admin", *name.split(" ")) for name in CALLS if " /admin/" in name),
]


def url_of(gateway: GatewayProcess, plane: str) -> str:
    return gateway.url if plane == "data" else gateway.admin_url


def document_of(gateway: GatewayProcess, plane: str) -> dict[str, Any]:
    document: dict[str, Any] = fetch(url_of(gateway, plane), "GET", "/openapi.json").json()
    return document


@pytest.mark.parametrize("plane", ["data", "admin"])
def test_every_operation_of_the_documents_is_tried_here(gateway: GatewayProcess, plane: str) -> None:
    described = {
        (plane, method.upper(), path)
        for path, methods in document_of(gateway, plane)["paths"].items()
        for method in methods
    }

    assert described == {operation for operation in OPERATIONS if operation[0] == plane}


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["right", "wrong"])
@pytest.mark.parametrize(("plane", "method", "path"), OPERATIONS)
def test_whatever_is_asked_the_answer_is_one_that_is_described(
    gateway: GatewayProcess, plane: str, method: str, path: str, mode: GenerationMode
) -> None:
    if mode is GenerationMode.NEGATIVE and path in ("/admin/policies", "/admin/policy", "/admin/policy/reload"):
        pytest.skip("there is nothing to get wrong: it takes no parameter and no body")
    operation = schemathesis.openapi.from_dict(document_of(gateway, plane))[path][method]
    asked: list[int] = []

    @settings(
        max_examples=REQUESTS,
        deadline=None,
        derandomize=True,
        database=None,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(mode))
    def ask(case: "schemathesis.Case[Any]") -> None:
        if isinstance(case.body, dict) and isinstance(case.body.get("model"), str) and len(asked) % 2:
            case.body["model"] = "small"  # else hardly any request would ask for a model there is
        response = case.call(base_url=url_of(gateway, plane), headers={"Authorization": f"Bearer {KEY}"})
        asked.append(response.status_code)
        case.validate_response(response, checks=CHECKS)

    ask()

    assert len(asked) >= min(REQUESTS, 3), asked
    assert '"level":"error"' not in gateway.log()
    assert gateway.chat({"model": "small", "messages": [{"role": "user", "content": "hi"}]}).status == 200
