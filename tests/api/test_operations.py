"""What platforms and operators read: probes, metrics, the API's own page, and the admin plane."""

import pytest

from tests.gateway_process import KEY, GatewayProcess, Reply, fetch

ASK = {"model": "auto", "messages": [{"role": "user", "content": "Translate to French: good morning"}]}


def on(gateway: GatewayProcess, plane: str, path: str) -> Reply:
    """A GET without any credential."""
    return fetch(gateway.url if plane == "data" else gateway.admin_url, "GET", path)


both_planes = pytest.mark.parametrize("plane", ["data", "admin"])


@both_planes
@pytest.mark.parametrize(("path", "text"), [("/livez", b"ok\n"), ("/readyz", b"ready\n")])
def test_a_running_gateway_is_alive_and_ready(gateway: GatewayProcess, plane: str, path: str, text: bytes) -> None:
    reply = on(gateway, plane, path)

    assert (reply.status, reply.body) == (200, text)


@both_planes
def test_metrics_count_requests_and_money_on_both_ports(gateway: GatewayProcess, plane: str) -> None:
    gateway.chat(ASK)

    reply = on(gateway, plane, "/metrics")

    assert reply.status == 200
    assert reply.headers["content-type"].startswith("text/plain")
    assert b"sizewise_requests_total{" in reply.body
    assert b'deployment="scripted-small"' in reply.body
    assert b"cost" in reply.body


def test_no_text_of_a_client_becomes_a_label(gateway: GatewayProcess) -> None:
    canary = "canary-" + "5d" * 8

    gateway.chat({**ASK, "model": canary, "user": canary})
    gateway.request("GET", f"/{canary}")

    assert canary.encode() not in on(gateway, "admin", "/metrics").body


def test_rejected_requests_are_counted_by_code(gateway: GatewayProcess) -> None:
    gateway.chat(b"{")

    assert b"invalid_request" in on(gateway, "admin", "/metrics").body


def test_the_openapi_page_describes_the_hot_endpoints(gateway: GatewayProcess) -> None:
    document = on(gateway, "data", "/openapi.json").json()

    assert set(document["paths"]) >= {"/v1/chat/completions", "/v1/models"}
    assert "post" in document["paths"]["/v1/chat/completions"]


def test_the_admin_plane_lists_decisions_newest_first(gateway: GatewayProcess) -> None:
    ids = [gateway.chat(ASK).headers["x-request-id"] for _ in range(3)]
    gateway.record(ids[-1])

    listed = [record["id"] for record in gateway.admin("/admin/decisions?limit=3").json()]

    assert listed == ids[::-1]


def test_one_decision_is_its_record_and_its_story(gateway: GatewayProcess) -> None:
    request_id = gateway.chat(ASK).headers["x-request-id"]
    gateway.record(request_id)

    page = gateway.admin(f"/admin/decisions/{request_id}").json()

    assert page["record"]["id"] == request_id
    assert page["record"]["deployment"] == "scripted-small"
    assert any("easy goes small" in sentence for sentence in page["story"])
    assert any("scripted-small" in sentence for sentence in page["story"])
    assert any(" did not match: " in sentence for sentence in page["story"])


@pytest.mark.parametrize("path", ["/admin/decisions/none", "/admin/decisions/%25"])
def test_a_decision_that_is_not_there_is_not_found(gateway: GatewayProcess, path: str) -> None:
    assert gateway.admin(path).status == 404


def test_an_id_that_no_database_takes_is_refused(gateway: GatewayProcess) -> None:
    assert gateway.admin("/admin/decisions/%00").status == 422


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "limit=x"])
def test_a_senseless_limit_is_refused(gateway: GatewayProcess, query: str) -> None:
    assert gateway.admin(f"/admin/decisions?{query}").status == 422


def test_the_policies_in_force_are_shown_with_their_rules_in_order(gateway: GatewayProcess) -> None:
    page = gateway.admin("/admin/policies").json()

    policy = next(each for each in page["policies"] if each["name"] == "default")
    assert policy["serves"] == ["auto"]
    assert policy["baseline"] == "scripted-large"
    assert [rule["name"] for rule in policy["rules"]][-1] == "easy goes small"
    assert policy["constraints"][0]["require"] == 'labels.residency == "on_prem"'
    assert page["version"]


def test_the_admin_plane_is_not_on_the_data_port_nor_the_api_on_the_admin_port(gateway: GatewayProcess) -> None:
    assert gateway.request("GET", "/admin/decisions").status == 404
    assert fetch(gateway.admin_url, "GET", "/v1/models", headers={"Authorization": f"Bearer {KEY}"}).status == 404
