"""The upstream's own count of calls."""

import subprocess
import sys
from pathlib import Path

from gateway.cli.benchmark.processes import Process
from gateway.cli.benchmark.upstream import Upstream
from gateway.cli.benchmark.wire import Request, ask_once
from gateway.providers.scripted import ScriptedUpstream


def test_calls_are_counted_since_they_were_forgotten(tmp_path: Path) -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    with ScriptedUpstream.run_in_thread() as scripted:
        upstream = Upstream(Process("upstream", child, tmp_path / "log"), scripted.port)
        body = b'{"model":"small","messages":[]}'
        request = Request(port=scripted.port, path="/chat/completions", headers={}, body=body)
        ask_once(request)
        upstream.forget_calls()

        for _ in range(3):
            ask_once(request)

        assert upstream.calls() == 3
        assert upstream.answers()
    assert not upstream.answers()
