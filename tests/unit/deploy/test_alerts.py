import re
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry

from gateway.counters.allowance_watch import AllowanceWatch
from gateway.policyfile.loader import PolicyStatus
from gateway.telemetry.families import (
    allowance_families,
    fleet_families,
    key_families,
    ledger_families,
    loop_families,
    policy_families,
    redis_families,
)
from gateway.telemetry.metrics import MetricsRecorder
from tests.builders import a_ledger_status

DEPLOY = Path(__file__).parents[3] / "deploy"
RULES: list[dict[str, Any]] = [
    rule
    for group in yaml.safe_load((DEPLOY / "alerts.yml").read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]
]
every_rule = pytest.mark.parametrize("rule", RULES, ids=lambda rule: str(rule["alert"]))


def promtool(*arguments: str, cwd: Path = DEPLOY) -> str:
    done = subprocess.run(["promtool", *arguments], cwd=cwd, capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.service("prometheus")
def test_prometheus_accepts_its_configuration_and_the_alerts() -> None:
    assert f"{len(RULES)} rules found" in promtool("check", "config", "prometheus.yml")


@pytest.mark.service("prometheus")
def test_each_alert_fires_when_it_should_and_not_before() -> None:
    cases = Path(__file__).with_name("alerts_cases.yml")
    tried = {
        each["alertname"] for case in yaml.safe_load(cases.read_text())["tests"] for each in case["alert_rule_test"]
    }

    assert "SUCCESS" in promtool("test", "rules", cases.name, cwd=cases.parent)
    assert tried == {rule["alert"] for rule in RULES}


@every_rule
def test_an_alert_says_how_bad_it_is_and_what_to_do(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in ("page", "ticket")
    assert rule["annotations"].keys() == {"summary", "description"}


@every_rule
def test_an_alert_asks_only_for_metrics_that_the_gateway_exposes(rule: dict[str, Any]) -> None:
    metrics = MetricsRecorder(CollectorRegistry(), version="0")
    metrics.watch(ledger_families(a_ledger_status()))
    metrics.watch(key_families(SimpleNamespace(known=0, unverifiable=0, age_s=0.0)))
    metrics.watch(fleet_families(dict))
    metrics.watch(allowance_families(AllowanceWatch()))
    metrics.watch(redis_families(lambda: True))
    metrics.watch(loop_families(lambda: 0.0, lambda: 0))
    metrics.watch(policy_families(lambda: PolicyStatus(version="v1", since_s=0.0)))
    families = set(re.findall(r"^# TYPE (\S+)", metrics.expose()[0].decode(), re.MULTILINE)) | {"up"}

    names = {name.removesuffix("_bucket") for name in re.findall(r"\b(up|sizewise_\w+)", rule["expr"])}
    assert names
    assert names <= families
