"""What a gateway keeps of prompts and answers, and what never reaches its disk: looked for in every file it wrote.

The keys are put together when the tests run: none that looks real stands in a file.
"""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from gateway.providers.scripted import ScriptedUpstream
from tests.faults.policies import PROVIDER_KEY, Case, policy_file
from tests.gateway_process import GatewayProcess, Reply, database_url, eventually, running_gateway, spawn

KEY = "sk" + "-" + "a1B2c3D4e5" * 4
MAIL = "canary" + "@" + "example.com"
OTHER_MAIL = "second.canary" + "@" + "example.org"
ASK = f"My key is {KEY} and I am {MAIL}. What now?"


class _Says(BaseHTTPRequestHandler):
    """An upstream that gives one answer, streamed in pieces where that is asked for."""

    protocol_version = "HTTP/1.1"
    pieces = ("Revoke sk", "-" + KEY[3:9], KEY[9:], ", write to ", OTHER_MAIL[:5], OTHER_MAIL[5:], ", and rest.")

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["content-length"])))
        body = self._streamed() if request.get("stream") else self._whole()
        self.send_response(200)
        kind = "text/event-stream" if request.get("stream") else "application/json"
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _whole(self) -> bytes:
        message = {"role": "assistant", "content": "".join(self.pieces)}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
        return json.dumps({"id": "1", "object": "chat.completion", "choices": [choice], "usage": usage}).encode()

    def _streamed(self) -> bytes:
        deltas: list[dict[str, Any]] = [{"delta": {"content": piece}, "finish_reason": None} for piece in self.pieces]
        deltas.append({"delta": {}, "finish_reason": "stop"})
        chunks = [{"id": "1", "object": "chat.completion.chunk", "choices": [{"index": 0, **each}]} for each in deltas]
        return b"".join(b"data: %b\n\n" % json.dumps(chunk).encode() for chunk in chunks) + b"data: [DONE]\n\n"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the name it has in the library)
        """Say nothing."""


@contextmanager
def _telling_upstream() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Says)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _policies(telling: str, scripted: str, keep: Mapping[str, Any]) -> dict[str, str]:
    """Each alias but `silent` has its text kept."""
    cases = [
        Case(alias="telling", model="telling", base=telling, has_spare=False),
        Case(alias="silent", model="telling", base=telling, has_spare=False),
        Case(alias="cascade", model="refuses", route={"check": {"not_refused": True}}),
        Case(alias="broken", model="cut:3", has_spare=False),
    ]
    file = json.loads(policy_file(cases, f"{scripted}/v1"))
    for policy in file["policies"]:
        if policy["serves"] != ["silent"]:
            policy["keep_text"] = dict(keep)
    return {"texts.yaml": json.dumps(file)}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("texts")


@pytest.fixture(scope="module")
def gateway(home: Path) -> Iterator[GatewayProcess]:
    with _telling_upstream() as telling, ScriptedUpstream.run_in_thread() as scripted:
        policies = _policies(telling, scripted.url, {"teams": "all", "days": 3})
        with running_gateway(home, policies, {PROVIDER_KEY: "none"}) as running:
            yield running


def _ask(gateway: GatewayProcess, alias: str, *, stream: bool = False, content: Any = ASK) -> Reply:
    return gateway.chat({"model": alias, "stream": stream, "messages": [{"role": "user", "content": content}]})


def _text(gateway: GatewayProcess, reply: Reply) -> dict[str, Any]:
    """The text of that request, waited for."""
    path = f"/admin/decisions/{reply.headers['x-request-id']}/text"

    def look() -> dict[str, Any] | None:
        found = gateway.admin(path)
        return found.json() if found.status == 200 else None

    return eventually(look, "the text")


@pytest.mark.parametrize("stream", [False, True])
def test_what_was_asked_and_answered_is_kept_redacted(gateway: GatewayProcess, stream: bool) -> None:
    reply = _ask(gateway, "telling", stream=stream)

    text = _text(gateway, reply)

    assert KEY in reply.body.decode() or stream
    assert text["request"]["messages"] == [
        {"role": "user", "text": "My key is [secret] and I am [personal]. What now?"}
    ]
    assert text["answer"] == "Revoke [secret], write to [personal], and rest."
    assert text["truncated"] is False
    assert round(text["expires_at"] - text["received_at"]) == 3 * 86_400


def test_nothing_is_kept_where_the_policy_does_not_say_so(gateway: GatewayProcess) -> None:
    reply = _ask(gateway, "silent")
    record = gateway.record(reply.headers["x-request-id"])

    told = gateway.admin(f"/admin/decisions/{record.id}/text")

    assert told.status == 404
    assert f"policy {record.policy!r} has none kept of callers without a team (`keep_text`)" in told.json()["detail"]
    assert gateway.admin("/admin/decisions/no-such-request/text").status == 404


@pytest.mark.parametrize("stream", [False, True])
def test_of_a_cascade_only_the_answer_that_was_delivered_is_kept(gateway: GatewayProcess, stream: bool) -> None:
    reply = _ask(gateway, "cascade", stream=stream, content="Name three rivers.")

    text = _text(gateway, reply)

    assert text["answer"].startswith("This is a scripted answer from spare")
    assert [each.outcome for each in gateway.record(text["request_id"]).attempts] == ["failed", "ok"]


def test_of_a_stream_that_broke_off_what_had_left_is_kept(gateway: GatewayProcess) -> None:
    reply = _ask(gateway, "broken", stream=True, content="Hello")

    text = _text(gateway, reply)

    assert gateway.record(text["request_id"]).outcome == "interrupted"
    assert "This is a".startswith(text["answer"].strip()[:9])
    assert text["answer"] != ""


def test_images_are_a_marker(gateway: GatewayProcess) -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}

    text = _text(gateway, _ask(gateway, "telling", content=[{"type": "text", "text": "See:"}, image]))

    assert text["request"]["messages"][0]["text"] == "See:\n[image]"


def test_the_command_line_tells_it_and_by_default_does_not(gateway: GatewayProcess, home: Path) -> None:
    text = _text(gateway, _ask(gateway, "telling"))
    command = [sys.executable, "-m", "gateway", "report", "explain", text["request_id"]]
    command += ["--database-url", database_url(home)]

    without = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    told = subprocess.run([*command, "--text"], capture_output=True, text=True, check=True).stdout

    assert "What now?" not in without
    assert "  My key is [secret] and I am [personal]. What now?\n" in told
    assert "  Revoke [secret], write to [personal], and rest.\n" in told


def test_the_outline_of_a_policy_says_what_it_keeps(gateway: GatewayProcess) -> None:
    outlines = {each["serves"][0]: each["keep_text"] for each in gateway.admin("/admin/policies").json()["policies"]}

    assert outlines["silent"] is None
    assert outlines["telling"] == {"teams": "all", "days": 3, "answers": True, "max_bytes": 65_536}


def test_no_canary_reaches_the_database_the_spool_or_the_log(tmp_path: Path) -> None:
    """The process is killed once its records are written, so that its spool is still there to be looked through."""
    with _telling_upstream() as telling, ScriptedUpstream.run_in_thread() as scripted:
        policies = _policies(telling, scripted.url, {"teams": "all", "days": 3})
        gateway = GatewayProcess(spawn(tmp_path, policies, {PROVIDER_KEY: "none"}), tmp_path)
        texts = [_text(gateway, _ask(gateway, "telling", stream=stream)) for stream in (False, True) * 5]
        gateway.process.kill()
        gateway.process.wait()

    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    held = b"".join(path.read_bytes() for path in files)
    assert len(texts) == 10
    assert {"records.db", "stderr"} < {path.name for path in files}
    assert any(path.suffix == ".segment" and path.stat().st_size > 1_000 for path in files)
    assert b"[secret]" in held
    for canary in (KEY, KEY[3:20], MAIL, MAIL[:9], OTHER_MAIL, OTHER_MAIL[:13]):
        assert canary.encode() not in held
