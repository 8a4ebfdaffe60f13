import orjson
import pytest

from gateway.api.errors import ENVELOPES, error_body
from gateway.domain.errors import (
    GatewayError,
    InvalidRequestError,
    PromptTooLongError,
    UpstreamRejectedError,
)


def family(kind: type[GatewayError]) -> set[type[GatewayError]]:
    return {kind}.union(*(family(child) for child in kind.__subclasses__()))


def test_every_error_has_an_envelope() -> None:
    assert set(ENVELOPES) == family(GatewayError)


def test_no_two_errors_that_a_client_tells_apart_share_a_code() -> None:
    alike = (InvalidRequestError, PromptTooLongError)  # the second is a client's cue whoever found the prompt too long
    kinds = [kind for kind in family(GatewayError) if not kind.__subclasses__() and kind not in alike]
    codes = [kind.code for kind in kinds]

    assert len(set(codes)) == len(codes)


def test_the_status_says_whose_fault_it_is() -> None:
    for kind, each in ENVELOPES.items():
        assert each.type == {4: "invalid_request_error", 5: "server_error"}[each.status // 100] or each.status in (
            401,
            429,
        ), kind


def test_our_own_credentials_are_never_the_clients_fault() -> None:
    assert {kind.code for kind, each in ENVELOPES.items() if each.status == 403} == {
        "model_not_allowed",
        "no_deployment",
    }
    assert {kind.code for kind, each in ENVELOPES.items() if each.status == 401} == {
        "inactive_api_key",
        "invalid_api_key",
    }


def test_a_body_has_all_four_keys_null_where_there_is_nothing() -> None:
    body = orjson.loads(error_body(GatewayError("it broke")))

    assert body == {"error": {"message": "it broke", "type": "server_error", "param": None, "code": "internal_error"}}


def test_the_field_at_fault_is_named() -> None:
    assert orjson.loads(error_body(InvalidRequestError("no", param="n")))["error"]["param"] == "n"


def test_the_upstreams_verdict_on_the_request_follows_our_sentence() -> None:
    error = UpstreamRejectedError("deployment 'a' answered 400", status=400, detail="n must be 1")

    assert orjson.loads(error_body(error))["error"]["message"] == "deployment 'a' answered 400: n must be 1"


@pytest.mark.parametrize("message", ["\u0000\u001b[2J", "ü\u2028", '"quoted"\n'])
def test_any_message_makes_valid_json(message: str) -> None:
    assert orjson.loads(error_body(GatewayError(message)))["error"]["message"] == message
