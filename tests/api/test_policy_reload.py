"""Policy files that change under a running gateway: what comes into force, what is refused, and nothing is lost."""

import http.client
import json
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from gateway.policyfile.loader import load_policies
from gateway.providers.scripted import ScriptedUpstream
from gateway.store.engine import open_engine
from gateway.store.reports import list_decisions
from tests.cpu_time import cpu_s
from tests.gateway_process import (
    KEY,
    GatewayProcess,
    Reply,
    database_url,
    eventually,
    fetch,
    read_reply,
    running_gateway,
)

RELOADS = 300
EVERY_S = 0.01
CLIENTS = 2
LOAD_200_FILES_S = 1.0


def policies(letter: str, upstream: str, *, route: str | None = None) -> str:
    """A policy all of whose names end with the letter. JSON is YAML."""
    price = {"input_per_mtok_usd": 0.15, "output_per_mtok_usd": 0.6}
    deployments = [
        {"name": f"{tier}-{letter}", "tier": tier, "provider": "openai", "model": tier, "price": price}
        | {"api_base": f"{upstream}/v1"}
        for tier in ("small", "large")
    ]
    routes = [
        {"name": f"small-first-{letter}", "try": [f"small-{letter}"], "then": [f"large-{letter}"]},
        {"name": f"large-only-{letter}", "try": [f"large-{letter}"]},
    ]
    rule = {
        "name": f"short-{letter}",
        "when": "signals.tokens < 40",
        "route": route or f"small-first-{letter}",
    }
    policy = {"name": f"policy-{letter}", "serves": ["auto"], "rules": [rule], "default": f"large-only-{letter}"}
    return json.dumps({"deployments": deployments, "routes": routes, "policies": [policy]})


def replaced(directory: Path, text: str) -> None:
    """As an editor or a mount does it: written beside, then moved into place."""
    (directory / "next").write_text(text, encoding="utf-8")
    (directory / "next").rename(directory / "default.yaml")


def reload(gateway: GatewayProcess) -> Reply:
    return fetch(gateway.admin_url, "POST", "/admin/policy/reload")


@pytest.fixture
def running(tmp_path: Path, upstream: ScriptedUpstream) -> Iterator[GatewayProcess]:
    """A gateway with the policy of the letter a, that looks for changes often."""
    files = {"default.yaml": policies("a", upstream.url)}
    with running_gateway(tmp_path, files, {"SIZEWISE_POLICY_POLL_S": "0.05"}) as gateway:
        yield gateway


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "policies"


def status(gateway: GatewayProcess) -> Any:
    return gateway.admin("/admin/policy").json()


def deciding(gateway: GatewayProcess) -> str:
    """The policy that decides a request now, by its name."""
    ask = {"model": "auto", "messages": [{"role": "user", "content": "Hello"}]}
    return gateway.chat(ask).headers["x-sizewise-policy"].partition("@")[0]


def test_a_file_that_changes_comes_into_force_by_itself(
    running: GatewayProcess, directory: Path, upstream: ScriptedUpstream
) -> None:
    before = deciding(running)

    replaced(directory, policies("b", upstream.url))
    eventually(lambda: deciding(running) == "policy-b" or None, "the new policy")

    assert before == "policy-a"
    assert status(running)["reloads"] == {"ok": 1, "failed": 0}
    assert "added policy-b; removed policy-a" in running.log()


def test_a_signal_reloads_where_nobody_looks(tmp_path: Path, directory: Path, upstream: ScriptedUpstream) -> None:
    files = {"default.yaml": policies("a", upstream.url)}
    with running_gateway(tmp_path, files, {"SIZEWISE_POLICY_POLL_S": "0"}) as gateway:
        replaced(directory, policies("b", upstream.url))
        unchanged = deciding(gateway)

        gateway.process.send_signal(signal.SIGHUP)
        eventually(lambda: deciding(gateway) == "policy-b" or None, "the new policy")

    assert unchanged == "policy-a"


def test_a_change_that_is_refused_is_seen_everywhere_and_the_old_policy_decides(
    running: GatewayProcess, directory: Path, upstream: ScriptedUpstream
) -> None:
    version = status(running)["version"]

    replaced(directory, policies("b", upstream.url, route="nowhere"))
    refused = eventually(lambda: status(running)["refused"], "the refusal")
    button = reload(running)
    metrics = running.admin("/metrics").body.decode()
    decided = deciding(running)
    replaced(directory, policies("b", upstream.url))
    eventually(lambda: status(running)["refused"] is None or None, "the correction")

    assert "unknown route 'nowhere'" in refused["problems"][0]
    assert (button.status, button.json()["refused"]) == (409, refused)
    assert f'sizewise_policy_info{{version="{version}"}} 1.0' in metrics
    assert "sizewise_policy_failing 1.0" in metrics
    assert 'sizewise_policy_reloads_total{result="failed"} 1.0' in metrics
    assert decided == "policy-a"
    assert running.log().count("unknown route 'nowhere'") == 1
    assert deciding(running) == "policy-b"


def test_a_change_whose_cases_fail_is_refused(
    running: GatewayProcess, directory: Path, upstream: ScriptedUpstream
) -> None:
    case = {"name": "short asks stay small", "ask": "Hello", "expect": {"route": "small-first-b"}}
    (directory / "default.cases.yaml").write_text(json.dumps({"cases": [case]}), encoding="utf-8")
    replaced(directory, policies("b", upstream.url, route="large-only-b"))

    button = reload(running)

    fails = "case 'short asks stay small' fails: route: expected 'small-first-b', got 'large-only-b'"
    assert button.status == 409
    assert button.json()["refused"]["problems"][0].endswith(fails)
    assert deciding(running) == "policy-a"


def test_a_directory_that_is_deleted_under_a_running_gateway_is_taken_up_again(
    running: GatewayProcess, directory: Path, upstream: ScriptedUpstream
) -> None:
    (directory / "default.yaml").unlink()
    directory.rmdir()
    refused = eventually(lambda: status(running)["refused"], "the refusal")
    decided = deciding(running)

    directory.mkdir()
    replaced(directory, policies("b", upstream.url))
    eventually(lambda: deciding(running) == "policy-b" or None, "the new policy")

    assert "cannot read the policy directory" in refused["problems"][0]
    assert decided == "policy-a"


@contextmanager
def connection(url: str) -> Iterator[http.client.HTTPConnection]:
    kept = http.client.HTTPConnection(url.removeprefix("http://"), timeout=20)
    try:
        yield kept
    finally:
        kept.close()


def send(url: str, stop: threading.Event, number: int) -> list[Reply]:
    """Requests, one after the other, until told to stop: short and long, streamed and not, with sessions."""
    headers = {"Authorization": f"Bearer {KEY}", "X-Sizewise-Session": f"session-{number}"}
    replies: list[Reply] = []
    with connection(url) as client:
        while not stop.is_set():
            turn = len(replies)
            ask = {
                "model": "auto",
                "messages": [{"role": "user", "content": "Say it again. " * (1 if turn % 2 else 40)}],
                "stream": turn % 3 == 0,
            }
            client.request("POST", "/v1/chat/completions", json.dumps(ask), headers)
            replies.append(read_reply(client.getresponse()))
    return replies


def alternate(gateway: GatewayProcess, directory: Path, texts: Mapping[str, str]) -> dict[str, str]:
    """Reload the two in turn, `RELOADS` times, one each `EVERY_S`; returns version → letter."""
    letters: dict[str, str] = {}
    with connection(gateway.admin_url) as admin:
        due_s = time.monotonic()
        for number in range(RELOADS):
            letter = "ba"[number % 2]
            replaced(directory, texts[letter])
            admin.request("POST", "/admin/policy/reload")
            reply = read_reply(admin.getresponse())
            assert reply.status == 200, reply.body
            (policy,) = reply.json()["policies"]
            assert policy["name"] == f"policy-{letter}"
            letters[policy["version"]] = letter
            due_s += EVERY_S
            time.sleep(max(due_s - time.monotonic(), 0))
    return letters


def test_a_hundred_reloads_a_second_under_load_lose_no_request_and_mix_no_versions(
    tmp_path: Path, directory: Path, upstream: ScriptedUpstream
) -> None:
    texts = {letter: policies(letter, upstream.url) for letter in "ab"}
    stop = threading.Event()
    with (
        running_gateway(tmp_path, {"default.yaml": texts["a"]}, {"SIZEWISE_POLICY_POLL_S": "0"}) as gateway,
        ThreadPoolExecutor(CLIENTS) as pool,
    ):
        clients = [pool.submit(send, gateway.url, stop, number) for number in range(CLIENTS)]
        try:
            letters = alternate(gateway, directory, texts)
        finally:
            stop.set()
        replies = [reply for client in clients for reply in client.result()]
        reloads = status(gateway)["reloads"]

    engine = open_engine(database_url(tmp_path))
    records = list_decisions(engine, limit=len(replies) + 1)
    engine.dispose()
    assert {reply.status for reply in replies} == {200}
    assert reloads == {"ok": RELOADS, "failed": 0}
    assert {record.id for record in records} == {reply.headers["x-request-id"] for reply in replies}
    assert len(records) == len(replies)
    assert {record.outcome for record in records} == {"ok"}
    rules = Counter(record.rule.partition("-")[0] for record in records)
    assert set(rules) == {"short", "default"}
    for record in records:
        letter = letters[record.policy_version]
        names = (record.policy, record.route, record.deployment or "", *(each.deployment for each in record.attempts))
        assert {name[-2:] for name in names} == {f"-{letter}"}, record
        assert record.rule in (f"short-{letter}", "default")
    assert {letters[record.policy_version] for record in records} == {"a", "b"}


def many_files(directory: Path) -> None:
    """200 files: 100 deployments, 80 routes, and 20 policies of 2 constraints and 30 rules."""
    for number in range(100):
        deployment = {
            "name": f"model-{number}",
            "tier": ("small", "large")[number % 2],
            "provider": "openai",
            "model": f"some-{number}",
            "api_base": "http://127.0.0.1:9/v1",
            "context_window": 32_768,
            "capabilities": ["tools", "json_schema"],
            "labels": {"residency": ("on_prem", "us")[number % 3 == 0], "indemnified": True},
            "price": {"input_per_mtok_usd": 0.15, "output_per_mtok_usd": 0.6},
        }
        write_json(directory / f"deployment-{number}.yaml", deployments=[deployment])
    for number in range(80):
        route = {"name": f"route-{number}", "try": [f"model-{number}"], "then": [f"model-{number + 1}"], "retries": 1}
        write_json(directory / f"route-{number}.yaml", routes=[route])
    for number in range(20):
        rules = [
            {"name": f"rule {rule}", "when": a_condition(number, rule), "route": f"route-{(number + rule) % 80}"}
            for rule in range(30)
        ]
        constraints = [
            {"name": "home", "when": 'signals.sensitivity == "personal"', "require": 'labels.residency == "on_prem"'},
            {"name": "insured", "when": 'key.team == "legal"', "require": "labels.indemnified == true"},
        ]
        policy = {"name": f"policy-{number}", "serves": [f"alias-{number}"], "default": "route-0"}
        write_json(
            directory / f"policy-{number}.yaml", policies=[policy | {"rules": rules, "constraints": constraints}]
        )


def a_condition(policy: int, rule: int) -> str:
    bound = 100 * policy + rule
    return (
        f"signals.tokens > {bound}",
        f"classification.small_ok >= quality.threshold && signals.turns < {bound}",
        f'key.team == "team-{bound}"',
        f'request.alias == "x-{bound}" || signals.tool_loop',
        f'classification.task in ["legal", "medical"] && signals.tokens < {bound}',
    )[rule % 5]


def write_json(file: Path, **sections: Any) -> None:
    file.write_text(json.dumps(sections, indent=1), encoding="utf-8")


def test_two_hundred_files_are_loaded_within_a_second(tmp_path: Path) -> None:
    many_files(tmp_path)

    def load() -> None:
        loaded = load_policies(tmp_path, lambda provider, model: None, os.environ)
        assert sum(len(policy.rules) for policy in loaded.policies) == 600

    assert len(list(tmp_path.iterdir())) == 200
    assert cpu_s(load) < LOAD_200_FILES_S
