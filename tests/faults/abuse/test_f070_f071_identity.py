"""Clients that say they are somebody else."""

import pytest

from tests.conformance.upstream import Upstream
from tests.faults.abuse.conftest import ADMIN_KEY, OTHER_KEY, chat
from tests.gateway_process import KEY, GatewayProcess, fetch

CANARY = "c4nary"
SPOOFED = (
    *("x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-forwarded-user", "x-real-ip", "forwarded", "via"),
    *("x-sizewise-team", "x-sizewise-app", "x-sizewise-key-id", "x-sizewise-route", "x-sizewise-deployment"),
    *("x-sizewise-policy", "x-sizewise-cost-usd", "x-sizewise-admin", "x-request-id", "x-envoy-original-path"),
    *("x-original-url", "x-http-method-override", "x-user", "x-role", "x-team", "x-tenant-id", "x-stainless-lang"),
    *("proxy-authorization", "proxy-connection", "keep-alive", "te", "trailer", "cookie", "set-cookie", "referer"),
    *("openai-organization", "openai-project", "anthropic-beta", "user-agent", "accept-language", "authorization-x"),
)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_f070_no_header_of_a_client_reaches_an_upstream_an_answer_or_a_decision(
    gateway: GatewayProcess, backend: Upstream, stream: bool
) -> None:
    plain = gateway.chat(chat(stream=stream))
    spoofing = gateway.chat(chat(stream=stream), dict.fromkeys(SPOOFED, CANARY))

    first, second = backend.heard
    assert set(first.headers) == set(second.headers)
    assert CANARY not in str(second.headers)
    assert spoofing.status == plain.status == 200
    assert set(spoofing.headers) == set(plain.headers)
    assert CANARY not in str(spoofing.headers)
    before, after = (gateway.record(reply.headers["x-request-id"]) for reply in (plain, spoofing))
    assert CANARY not in str(after)
    for said in ("key_id", "team", "app", "policy", "route", "rule", "deployment", "reasons", "excluded"):
        assert getattr(before, said) == getattr(after, said)
    assert after.context is None or not after.context.headers


def test_f070_a_header_named_as_hop_by_hop_is_not_passed_on_either(gateway: GatewayProcess, backend: Upstream) -> None:
    reply = gateway.chat(chat(), {"Connection": f"x-{CANARY}, keep-alive", f"X-{CANARY}": CANARY, "Keep-Alive": "9"})

    assert reply.status == 200
    assert CANARY not in str(backend.heard[0].headers)
    assert CANARY not in str(reply.headers)


def test_f071_two_keys_never_share_a_conversation(gateway: GatewayProcess, backend: Upstream) -> None:
    named = {"x-sizewise-session": "the-same-name"}

    ids = [
        gateway.request(
            "POST",
            "/v1/chat/completions",
            b'{"model":"openai","messages":[{"role":"user","content":"hi"}]}',
            named,
            key=key,
        ).headers["x-request-id"]
        for key in (KEY, OTHER_KEY)
    ]

    mine, theirs = map(gateway.record, ids)
    assert mine.session is not None
    assert mine.session != theirs.session
    assert mine.key_id != theirs.key_id


@pytest.mark.parametrize(
    "path",
    [
        "/v1/chat/completions/{id}",
        "/v1/responses/{id}",
        "/v1/files/{id}",
        "/v1/batches/{id}",
        "/v1/threads/{id}",
        "/admin/decisions/{id}",
        "/v1/models/{id}",
    ],
)
@pytest.mark.parametrize("key", [KEY, OTHER_KEY])
def test_f071_no_id_of_a_request_opens_anything_on_the_data_plane(
    gateway: GatewayProcess, backend: Upstream, path: str, key: str
) -> None:
    request_id = gateway.chat(chat()).headers["x-request-id"]
    gateway.record(request_id)

    for method in ("GET", "DELETE", "POST"):
        reply = gateway.request(method, path.format(id=request_id), key=key)
        assert (reply.status, reply.json()["error"]["code"]) == (404, "unknown_path")


def test_f071_the_record_is_the_operators_alone(gateway: GatewayProcess, backend: Upstream) -> None:
    request_id = gateway.chat(chat()).headers["x-request-id"]
    gateway.record(request_id)

    for key, status in ((KEY, 401), (OTHER_KEY, 401), (ADMIN_KEY, 200)):
        headers = {"Authorization": f"Bearer {key}"}
        assert fetch(gateway.admin_url, "GET", f"/admin/decisions/{request_id}", headers=headers).status == status
