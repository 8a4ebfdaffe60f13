"""A real gateway in a process of its own, and what tests need to look at it from outside."""

import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, TypeVar

from openai import AsyncOpenAI, OpenAI

from gateway.domain.record import RequestRecord
from gateway.providers.scripted import Call, ScriptedUpstream
from gateway.store.engine import open_engine
from gateway.store.reports import NoRecordsError, find_record, list_decisions

KEY = "key-for-tests"
DEADLINE_S = 20.0

_GREETING = re.compile(r"base URL\s+(http://\S+)/v1 .*?admin\s+(http://\S+)", re.DOTALL)
_KEPT_VARIABLES = ("HOME", "LANG", "PATH", "PYTHONPATH", "TMPDIR", "VIRTUAL_ENV")

Found = TypeVar("Found")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A whole HTTP answer; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class GatewayProcess:
    """A gateway that is running, or was. Its records are read from its database, as an operator would."""

    def __init__(self, process: "subprocess.Popen[bytes]", directory: Path) -> None:
        self.process = process
        self._directory = directory
        greeting = eventually(self._greeting, "the gateway's greeting")
        self.url, self.admin_url = greeting[1], greeting[2]
        self._engine = open_engine(database_url(directory))
        eventually(lambda: self.is_taking_requests() or None, "readiness")

    @property
    def base_url(self) -> str:
        return f"{self.url}/v1"

    def is_taking_requests(self) -> bool:
        try:
            return self.request("GET", "/readyz").status == 200
        except OSError:  # nobody listens yet, or any more
            return False

    def log(self) -> str:
        return (self._directory / "stderr").read_text()

    def client(self, api_key: str = KEY) -> OpenAI:
        return OpenAI(base_url=self.base_url, api_key=api_key, max_retries=0, timeout=DEADLINE_S)

    def async_client(self) -> AsyncOpenAI:
        return AsyncOpenAI(base_url=self.base_url, api_key=KEY, max_retries=0, timeout=DEADLINE_S)

    def chat(self, body: bytes | Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Reply:
        """POST a chat request: raw bytes, or a payload."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.request("POST", "/v1/chat/completions", raw, headers)

    def request(
        self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None, *, key: str = KEY
    ) -> Reply:
        return fetch(self.url, method, path, body, {"Authorization": f"Bearer {key}", **(headers or {})})

    def admin(self, path: str, headers: Mapping[str, str] | None = None) -> Reply:
        return fetch(self.admin_url, "GET", path, headers=headers)

    def connect(self) -> socket.socket:
        host, port = self.url.removeprefix("http://").split(":")
        return socket.create_connection((host, int(port)), timeout=DEADLINE_S)

    def record(self, request_id: str) -> RequestRecord:
        """The record of that request, waited for: records are written behind the answer."""
        return eventually(lambda: self._read(request_id), f"the record of {request_id}")

    def records(self, count: int) -> list[RequestRecord]:
        """The latest `count` records, newest first, once there are as many."""
        return eventually(lambda: self._latest(count), f"{count} records")

    def rss_mb(self) -> float:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) / 1024

    def tell_to_stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    def stop(self) -> int:
        """SIGTERM, and the exit code."""
        if self.process.poll() is None:
            self.tell_to_stop()
        try:
            return self.process.wait(DEADLINE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        finally:
            self._engine.dispose()

    def _greeting(self) -> re.Match[str] | None:
        if self.process.poll() is not None:
            raise RuntimeError(f"the gateway ended with {self.process.returncode}: {self.log()}")
        return _GREETING.search((self._directory / "stdout").read_text())

    def _read(self, request_id: str) -> RequestRecord | None:
        try:
            return find_record(self._engine, request_id)
        except NoRecordsError:
            return None

    def _latest(self, count: int) -> list[RequestRecord] | None:
        try:
            found = list_decisions(self._engine, limit=count)
        except NoRecordsError:
            return None
        return found if len(found) == count else None


@contextmanager
def running_gateway(
    directory: Path, policies: Mapping[str, str], environment: Mapping[str, str] | None = None
) -> Iterator[GatewayProcess]:
    """A gateway on free ports that serves `policies` (file name → YAML); stopped at the end, which must go well."""
    process = spawn(directory, policies, environment)
    try:
        gateway = GatewayProcess(process, directory)
    except BaseException:
        process.kill()
        process.wait()
        raise
    try:
        yield gateway
    finally:
        code = gateway.stop()
    assert code == 0, gateway.log()


def spawn(
    directory: Path, policies: Mapping[str, str], environment: Mapping[str, str] | None = None
) -> "subprocess.Popen[bytes]":
    """Start a gateway with `directory` as its home; its output goes to files there."""
    shutil.rmtree(directory / "policies", ignore_errors=True)
    (directory / "policies").mkdir(parents=True)
    for name, text in policies.items():
        (directory / "policies" / name).write_text(text, encoding="utf-8")
    variables = {
        **{name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ},
        "SIZEWISE_API_KEYS": KEY,
        "SIZEWISE_DATABASE_URL": database_url(directory),
        **(environment or {}),
    }
    command = [sys.executable, "-m", "gateway", "serve", "--port", "0", "--admin-port", "0"]
    with _file(directory, "stdout") as stdout, _file(directory, "stderr") as stderr:
        return subprocess.Popen(command, cwd=directory, env=variables, stdout=stdout, stderr=stderr)


def database_url(directory: Path) -> str:
    return f"sqlite:///{directory}/records.db"


def fetch(url: str, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Reply:
    """One exchange on a connection of its own; a body that breaks off is kept as far as it came."""
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=DEADLINE_S)
    try:
        connection.request(method, path, body or None, dict(headers or {}))
        return read_reply(connection.getresponse())
    finally:
        connection.close()


def read_reply(response: http.client.HTTPResponse) -> Reply:
    parts: list[bytes] = []
    try:
        while part := response.read1(1 << 16):
            parts.append(part)
        response.read()  # `read1` leaves a body of known length open, and the connection unusable
    except (http.client.IncompleteRead, ConnectionResetError) as cut:
        parts.append(cut.partial if isinstance(cut, http.client.IncompleteRead) else b"")
    headers = {name.lower(): value for name, value in response.getheaders()}
    return Reply(status=response.status, headers=headers, body=b"".join(parts))


def eventually(look: Callable[[], Found | None], what: str, deadline_s: float = DEADLINE_S) -> Found:
    """What `look` returns once it returns something. Raises TimeoutError."""
    until_s = time.monotonic() + deadline_s
    while (found := look()) is None:
        if time.monotonic() > until_s:
            raise TimeoutError(f"{what} did not come within {deadline_s:g} s")
        time.sleep(0.005)
    return found


def call_of(upstream: ScriptedUpstream, model: str) -> Call:
    """The first call of that model in the upstream's ledger, waited for."""
    return eventually(
        lambda: next((call for call in upstream.ledger.calls if call.model == model), None), f"a call of {model!r}"
    )


def models_called(upstream: ScriptedUpstream) -> list[str]:
    """The models asked for since the ledger was emptied, in order."""
    return [request.json()["model"] for request in upstream.ledger.received]


def _file(directory: Path, name: str) -> IO[bytes]:
    return (directory / name).open("wb")
