"""The policy file of the fault tests: each case has an alias and deployments of its own, so that no rest is shared."""

import json
from dataclasses import dataclass, field
from typing import Any

PROVIDER_KEY = "SIZEWISE_FAULTS_KEY"
"""The environment variable with the key that every deployment sends."""
INPUT_NANO_USD, OUTPUT_NANO_USD = 150, 600
"""The price of a token, of every deployment that has one."""

_PRICE = {"input_per_mtok_usd": INPUT_NANO_USD / 1000, "output_per_mtok_usd": OUTPUT_NANO_USD / 1000}


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """An alias whose route tries one deployment, then the spare one.

    base         where the deployment is; None: the scripted upstream
    has_spare    False: nothing follows
    timeout      the route's deadlines
    route        more keys of the route
    deployment   more keys of the deployment; None takes a key away
    """

    alias: str
    model: str
    base: str | None = None
    has_spare: bool = True
    timeout: dict[str, float] = field(default_factory=dict)
    route: dict[str, Any] = field(default_factory=dict)
    deployment: dict[str, Any] = field(default_factory=dict)


def policy_file(cases: list[Case], upstream: str) -> str:
    """JSON, which is YAML. The alias `healthy` is always there."""
    every = [Case(alias="healthy", model="small", has_spare=False), *cases]
    deployments, routes, policies = [], [], []
    for number, case in enumerate(every):
        name = f"c{number}"
        given = _deployment(name, case.model, case.base or upstream) | case.deployment
        deployments.append({key: value for key, value in given.items() if value is not None})
        then = []
        if case.has_spare:
            deployments.append(_deployment(f"{name}-spare", "spare", upstream, tier="large"))
            then = [f"{name}-spare"]
        routes.append({"name": name, "try": [name], "then": then, "timeout": case.timeout, **case.route})
        policies.append({"name": name, "serves": [case.alias], "default": name})
    return json.dumps({"deployments": deployments, "routes": routes, "policies": policies}, indent=1)


def _deployment(name: str, model: str, base: str, tier: str = "small") -> dict[str, Any]:
    return {
        "name": name,
        "tier": tier,
        "provider": "openai",
        "model": model,
        "api_base": base,
        "api_key": f"${{{PROVIDER_KEY}}}",
        "price": _PRICE,
    }
