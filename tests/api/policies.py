"""Policy files for the end-to-end tests. JSON is YAML, so they are built as values."""

import json
from pathlib import Path
from typing import Any

FAULTS = (
    "after-done",
    "bom",
    "chunks:40:50",
    "comments",
    "context-overflow",
    "cr",
    "crlf",
    "cut:3",
    "empty",
    "error-400",
    "error-401",
    "error-503",
    "error-event:1",
    "error-event:4",
    "error-in-body",
    "error-in-stream:1",
    "error-in-stream:4",
    "gzip-bomb:1",
    "html",
    "malformed:3",
    "missing-done",
    "missing-usage",
    "multi-line",
    "no-blank-line",
    "no-space",
    "rate-limit:7",
    "redirect",
    "reset:0",
    "reset:3",
    "slow:60000",
    "silent",
    "split",
    "stall:3",
    "tools",
    "usage-in-last",
    "wrong-length",
)
"""Scripted models. `only/MODEL` has one deployment; `first/MODEL` and `second/MODEL` fall back to `spare`: two aliases,
because a deployment that fails three times rests. `patient/slow:60000` is one more, with the usual deadlines."""

IMPATIENT = ("slow:60000", "silent", "stall:3")
"""Those that never end by themselves; their routes have short deadlines."""

_PRICE = {"input_per_mtok_usd": 0.15, "output_per_mtok_usd": 0.6}


def demo_policies() -> str:
    return (Path(__file__).parents[2] / "policies" / "demo" / "default.yaml").read_text(encoding="utf-8")


def fault_policies(upstream: str, refusing: str) -> str:
    """`refusing` is where no connection is taken: the deployment of the aliases `only/refused` and `first/refused`."""
    file = _File()
    spare = file.deployment("spare", "spare", upstream, tier="large")
    for model in (*FAULTS, "refused"):
        name = model.replace(":", "-")
        base = refusing if model == "refused" else upstream
        timeout = {"first_token_s": 1, "idle_s": 1, "total_s": 1.5} if model in IMPATIENT else {}
        for kind, then in (("only", []), ("first", [spare]), ("second", [spare])):
            deployment = file.deployment(f"{kind}-{name}", model, base)
            route = file.route(f"{kind}-{name}", [deployment], then, timeout)
            file.policy(f"{kind}-{name}", f"{kind}/{model}", route)
    slow = file.deployment("patient-slow", "slow:60000", upstream)
    file.policy("patient-slow", "patient/slow:60000", file.route("patient-slow", [slow], [spare]))
    return file.text()


def guarded_policies(upstream: str) -> str:
    """`guarded` tries home, which fails, then abroad; `abroad-only` has no other. Personal data stays at home."""
    file = _File()
    home = file.deployment("home", "error-500", upstream, residency="on_prem")
    abroad = file.deployment("abroad", "abroad", upstream, tier="large")
    constraint = {
        "name": "personal data stays home",
        "when": 'signals.sensitivity in ["personal", "secret"]',
        "require": 'labels.residency == "on_prem"',
    }
    file.policy("guarded", "guarded", file.route("home-first", [home], [abroad]), constraints=[constraint])
    file.policy("abroad-only", "abroad-only", file.route("abroad-only", [abroad]), constraints=[constraint])
    return file.text()


class _File:
    def __init__(self) -> None:
        self._deployments: list[dict[str, Any]] = []
        self._routes: list[dict[str, Any]] = []
        self._policies: list[dict[str, Any]] = []

    def deployment(self, name: str, model: str, base: str, tier: str = "small", residency: str = "us") -> str:
        self._deployments.append(
            {
                "name": name,
                "tier": tier,
                "provider": "openai",
                "model": model,
                "api_base": base,
                "labels": {"residency": residency},
                "price": _PRICE,
            }
        )
        return name

    def route(
        self, name: str, first: list[str], then: list[str] | None = None, timeout: dict[str, float] | None = None
    ) -> str:
        self._routes.append({"name": name, "try": first, "then": then or [], "timeout": timeout or {}})
        return name

    def policy(self, name: str, alias: str, route: str, **more: Any) -> None:
        self._policies.append({"name": name, "serves": [alias], "default": route, **more})

    def text(self) -> str:
        return json.dumps(
            {"deployments": self._deployments, "routes": self._routes, "policies": self._policies}, indent=1
        )
