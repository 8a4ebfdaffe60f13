"""Every query of the dashboard, put to a real Prometheus that scrapes a real gateway under load."""

import json
import math
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import pytest

from deploy.dashboards.build import dashboard
from tests.services import running_prometheus

EASY = "What is the capital of France?"
HARD = "Prove that there are infinitely many primes congruent to 3 modulo 4, and discuss the complexity of testing one."
QUERIES = {
    f"{panel['title']} {target['refId']}": target["expr"]
    for panel in json.loads(dashboard())["panels"]
    for target in panel.get("targets", [])
}


@pytest.mark.service("prometheus")
def test_every_panel_has_an_answer_from_a_gateway_under_load(tmp_path: Path) -> None:
    port, admin_port = free_port(), free_port()
    with running_gateway(tmp_path, port, admin_port), running_prometheus(scraping(admin_port)) as prometheus:
        unanswered = set(QUERIES)
        deadline = time.monotonic() + 60
        while unanswered and time.monotonic() < deadline:
            send_load(port)
            unanswered = {name for name in unanswered if not has_answer(prometheus, QUERIES[name])}
        known = set(ask(f"{prometheus}/api/v1/label/__name__/values")["data"])

    assert unanswered == set()
    # An expression with a fallback of its own (`or vector(0)`) has an answer whatever it names. Counters with labels
    # are unknown until they count; price_missing does so only where a price is unknown, rollout_decisions only while a
    # policy is rolled out, and nobody in the demo has limits, a budget or a Redis.
    named = {name for expr in QUERIES.values() for name in re.findall(r"sizewise_\w+", expr)}
    assert named - known <= {
        "sizewise_allowance_refusals_total",
        "sizewise_budget_alerts_total",
        "sizewise_budget_looks_total",
        "sizewise_budget_used_ratio",
        "sizewise_deployment_limit_reached_total",
        "sizewise_price_missing_total",
        "sizewise_redis_call_seconds_bucket",
        "sizewise_redis_up",
        "sizewise_rollout_decisions_total",
    }


def send_load(port: int) -> None:
    """A round of requests: each way out of the gateway, streamed and not."""
    for model in ("auto", "demo-fallback", "demo-cascade"):
        for text in (EASY, HARD):
            for stream in (False, True):
                assert status_of(port, {"model": model, "stream": stream, "messages": user(text)}) == 200
    assert status_of(port, {"model": "auto", "messages": user(EASY)}, key="unknown") in (
        401,
        429,
    )  # the latter after many
    assert status_of(port, {"model": "no-such-alias", "messages": user(EASY)}) == 404
    assert status_of(port, {"model": "auto", "messages": []}) == 400
    again = {"x-stainless-retry-count": "1"}
    assert status_of(port, {"model": "auto", "messages": user(EASY)}, headers=again) == 200


def user(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


def status_of(
    port: int, payload: dict[str, Any], key: str = "sw-demo", headers: Mapping[str, str] | None = None
) -> int:
    request = Request(
        f"http://127.0.0.1:{port}/v1/chat/completions",
        data=json.dumps(payload).encode(),
        headers={"Authorization": f"Bearer {key}", "Content-Type": "application/json", **(headers or {})},
    )
    try:
        with urlopen(request, timeout=30) as answer:
            answer.read()
            return int(answer.status)
    except HTTPError as error:
        with error:
            return error.code


def has_answer(prometheus: str, expr: str) -> bool:
    """Whether the query gives at least one number; a percentile of nothing is NaN, which is none."""
    expr = expr.replace("$__rate_interval", "30s").replace("$__range", "30s")
    found = ask(f"{prometheus}/api/v1/query?{urlencode({'query': expr})}")
    return any(not math.isnan(float(series["value"][1])) for series in found["data"]["result"])


def ask(url: str) -> dict[str, Any]:
    with urlopen(url, timeout=10) as answer:
        found: dict[str, Any] = json.load(answer)
        return found


@contextmanager
def running_gateway(directory: Path, port: int, admin_port: int) -> Iterator[None]:
    """`serve --demo` with its files in that directory, from the moment it is ready until the block is left."""
    command = [sys.executable, "-m", "gateway", "serve", "--demo", "--port", str(port), "--admin-port", str(admin_port)]
    log = directory / "gateway.log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=directory, stdout=output, stderr=subprocess.STDOUT)
    try:
        ready = f"http://127.0.0.1:{port}/readyz"
        wait_until(lambda: process.poll() is not None or answers(ready), f"{ready} to answer")
        assert process.poll() is None, log.read_text(encoding="utf-8", errors="replace")
        yield
    finally:
        process.terminate()
        try:
            process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def scraping(admin_port: int) -> str:
    """The configuration of a Prometheus that scrapes the gateway each second; JSON is YAML."""
    job = {"job_name": "sizewise", "static_configs": [{"targets": [f"127.0.0.1:{admin_port}"]}]}
    return json.dumps({"global": {"scrape_interval": "1s"}, "scrape_configs": [job]})


def wait_until(holds: Callable[[], bool], what: str, timeout_s: float = 30) -> None:
    deadline = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < deadline, f"waited {timeout_s} s for {what}"
        time.sleep(0.05)


def answers(url: str) -> bool:
    try:
        with urlopen(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except (URLError, ConnectionError, TimeoutError):
        return False


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
