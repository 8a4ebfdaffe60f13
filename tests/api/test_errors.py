"""Errors: the OpenAI shape with all four keys, and a request id, wherever they come from."""

import pytest

from tests.gateway_process import KEY, GatewayProcess, Reply

CHAT = "/v1/chat/completions"
HI = b'{"model": "small", "messages": [{"role": "user", "content": "hi"}]}'


def assert_openai_error(reply: Reply, status: int, code: str) -> None:
    assert reply.status == status, reply.body
    assert reply.headers["content-type"] == "application/json"
    assert len(reply.headers["x-request-id"]) == 32
    assert list(reply.json()) == ["error"]
    error = reply.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["code"] == code
    assert error["message"]
    assert b'"detail"' not in reply.body


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("POST", "/v1"),
        ("GET", "/v1/chat"),
        ("POST", "/v1/chat/completions/x"),
        ("POST", "//v1/chat/completions"),
        ("POST", "/v1/../v1/chat/completions"),
        ("POST", "/V1/chat/completions"),
        ("POST", "/v1/completions"),
        ("GET", "/v1/models/auto/x"),
        ("GET", "/admin/decisions"),
        ("GET", "/v1/%2e%2e/admin/policies"),
        ("GET", "/" + "a" * 5_000),
        ("GET", "/%00%ff"),
    ],
)
def test_an_unknown_path_is_not_found_in_openai_shape(gateway: GatewayProcess, method: str, path: str) -> None:
    reply = gateway.request(method, path)

    assert_openai_error(reply, 404, "unknown_path")
    assert len(reply.body) < 1_000


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", CHAT),
        ("PUT", CHAT),
        ("DELETE", CHAT),
        ("OPTIONS", CHAT),
        ("PATCH", CHAT),
        ("POST", "/v1/models"),
        ("DELETE", "/v1/models"),
        ("POST", "/livez"),
        ("DELETE", "/metrics"),
    ],
)
def test_a_wrong_method_is_refused_in_openai_shape(gateway: GatewayProcess, method: str, path: str) -> None:
    assert_openai_error(gateway.request(method, path), 405, "method_not_allowed")


@pytest.mark.parametrize("path", [CHAT, CHAT + "/", "/chat/completions", "/chat/completions/"])
def test_the_endpoint_answers_at_all_four_spellings(gateway: GatewayProcess, path: str) -> None:
    assert gateway.request("POST", path, HI).status == 200


def test_a_query_is_ignored(gateway: GatewayProcess) -> None:
    assert gateway.request("POST", CHAT + "?beta=true&x=%00", HI).status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": ""},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer "},
        {"Authorization": f"Basic {KEY}"},
        {"Authorization": f"Bearer {KEY}x"},
        {"Authorization": f"Bearer {KEY[:-1]}"},
        {"Authorization": "Bearer \u00ff\u00fe"},
        {"Authorization": "Bearer " + "a" * 10_000},
        {"Authorization": "", "x-api-key": "wrong"},
    ],
)
def test_without_a_known_key_nothing_is_served(gateway: GatewayProcess, headers: dict[str, str]) -> None:
    reply = gateway.chat(HI, headers)

    assert_openai_error(reply, 401, "invalid_api_key")


def test_the_key_is_judged_before_the_body(gateway: GatewayProcess) -> None:
    reply = gateway.chat(b"{not json", {"Authorization": "Bearer wrong"})

    assert_openai_error(reply, 401, "invalid_api_key")


def test_an_unknown_model_is_not_found(gateway: GatewayProcess) -> None:
    reply = gateway.chat({"model": "\u001b[2Jgpt\r\nX: y", "messages": [{"role": "user", "content": "hi"}]})

    assert_openai_error(reply, 404, "model_not_found")
    assert "\u001b" not in reply.json()["error"]["message"]


def test_head_answers_have_no_body(gateway: GatewayProcess) -> None:
    reply = gateway.request("HEAD", "/v1/models")

    assert (reply.status, reply.body) == (200, b"")


def test_the_upstreams_verdict_on_the_request_is_passed_on(gateway: GatewayProcess) -> None:
    reply = gateway.chat({"model": "only/error-400", "messages": [{"role": "user", "content": "hi"}]})

    assert_openai_error(reply, 400, "upstream_rejected")
    assert "Scripted error 400." in reply.json()["error"]["message"]


def test_a_prompt_too_long_for_all_stays_a_400_with_its_code(gateway: GatewayProcess) -> None:
    reply = gateway.chat({"model": "only/context-overflow", "messages": [{"role": "user", "content": "hi"}]})

    assert_openai_error(reply, 400, "context_length_exceeded")


def test_an_upstream_that_refuses_our_key_is_never_a_401_and_its_words_stay_inside(gateway: GatewayProcess) -> None:
    reply = gateway.chat({"model": "only/error-401", "messages": [{"role": "user", "content": "hi"}]})

    assert_openai_error(reply, 502, "upstream_credentials")
    assert b"canary" not in reply.body
    assert "canary" not in gateway.log()
