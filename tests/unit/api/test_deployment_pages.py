from gateway.api.deployment_pages import deployment_pages
from gateway.domain.facts import Fleet
from gateway.domain.policy import Concurrency, PolicySet
from tests.admin import ask
from tests.builders import a_deployment
from tests.fakes import FakePolicies
from tests.unit.api.admin_app import application


def test_each_deployment_is_told_with_how_it_fares() -> None:
    resting = a_deployment("a", concurrency=Concurrency(calls=4))
    policies = PolicySet(
        version="v1", deployments={"b": a_deployment("b"), "a": resting}, routes={}, policies=(), by_alias={}
    )
    fleet = Fleet(cooling={"a": 2.5}, latency_ms={"b": 120.0})
    app = application(deployment_pages(FakePolicies(policies), lambda: fleet, {"a": 3, "b": 1}.__getitem__))

    page = ask(app, "GET", "/admin/deployments").json()

    assert page["version"] == "v1"
    assert [
        (each["name"], each["is_resting"], each["rests_s"], each["latency_ms"]) for each in page["deployments"]
    ] == [
        ("a", True, 2.5, None),
        ("b", False, 0.0, 120.0),
    ]
    assert [(each["under_way"], each["most_calls"]) for each in page["deployments"]] == [(3, 4), (None, None)]


def test_no_address_and_no_secret_of_a_deployment_is_told() -> None:
    policies = PolicySet(version="v1", deployments={"a": a_deployment("a")}, routes={}, policies=(), by_alias={})
    app = application(deployment_pages(FakePolicies(policies), Fleet, lambda _: 0))

    assert b"http" not in ask(app, "GET", "/admin/deployments").body
