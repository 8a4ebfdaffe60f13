"""How the gateway is set up to be measured."""

from pathlib import Path

from gateway.cli.benchmark.scenarios import UPSTREAM_MODEL_OF
from gateway.cli.benchmark.targets import policy_file
from gateway.policyfile.loader import FilePolicySource
from gateway.providers.price_map import PriceMap


def test_the_policies_load_and_serve_every_alias(tmp_path: Path) -> None:
    (tmp_path / "bench.yaml").write_text(policy_file("http://127.0.0.1:1/v1"))

    policies = FilePolicySource(tmp_path, PriceMap(), {}).current()

    assert set(policies.by_alias) == set(UPSTREAM_MODEL_OF)


def test_whatever_is_decided_the_upstreams_model_is_the_same(tmp_path: Path) -> None:
    (tmp_path / "bench.yaml").write_text(policy_file("http://127.0.0.1:1/v1"))

    policies = FilePolicySource(tmp_path, PriceMap(), {}).current()

    for alias, model in UPSTREAM_MODEL_OF.items():
        routes = policies.by_alias[alias].routes.values()
        assert {deployment.model for route in routes for deployment in (*route.first, *route.then)} == {model}
