"""The scripted upstream as a process, and its own count of the calls it has answered."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from gateway.cli.benchmark.processes import Process, free_port, running

_TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True)
class Upstream:
    process: Process
    port: int

    @property
    def api_base(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def forget_calls(self) -> None:
        self._ledger("DELETE")

    def calls(self) -> int:
        """Calls answered since they were last forgotten, those broken off by the client included."""
        return sum(int(total["calls"]) for total in json.loads(self._ledger("GET"))["models"].values())

    def answers(self) -> bool:
        try:
            self.forget_calls()
        except (OSError, HTTPException):
            return False
        return True

    def _ledger(self, method: str) -> bytes:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=_TIMEOUT_S)
        try:
            connection.request(method, "/ledger")
            return connection.getresponse().read()
        finally:
            connection.close()


@contextmanager
def running_upstream(
    folder: Path, *, package_root: Path, environment: dict[str, str], core: int | None
) -> Iterator[Upstream]:
    """The upstream, ready. Raises BenchmarkError where it does not come up."""
    port = free_port()
    command = [sys.executable, "-m", "gateway.providers.scripted", "--port", str(port)]
    environment = environment | {"PYTHONPATH": str(package_root)}
    with running("upstream", command, folder=folder, environment=environment, core=core) as process:
        upstream = Upstream(process, port)
        process.wait_until(upstream.answers)
        yield upstream
