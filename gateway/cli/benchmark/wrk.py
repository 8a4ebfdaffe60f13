"""The load generator: wrk, with a script that posts one body and prints the result as JSON."""

import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gateway.cli.benchmark.cores import pinned
from gateway.cli.benchmark.errors import BenchmarkError, ToolMissingError
from gateway.cli.benchmark.wire import Request

_MARK: Final = "result "
_TIMEOUT_S: Final = 30
_SCRIPT: Final = """\
wrk.method = "POST"
wrk.body = {body}
{headers}
done = function(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    '\\nresult {{"requests":%d,"duration_us":%d,"bytes":%d,"p50_us":%.1f,"p99_us":%.1f,' ..
    '"connect":%d,"read":%d,"write":%d,"timeout":%d,"status":%d}}\\n',
    summary.requests, summary.duration, summary.bytes, latency:percentile(50), latency:percentile(99),
    errors.connect, errors.read, errors.write, errors.timeout, errors.status))
end
"""
_ERRORS: Final = {
    "connect": "connections refused",
    "read": "answers broken off",
    "write": "requests broken off",
    "timeout": "answers too late",
    "status": "answers with an error status",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What wrk saw."""

    requests: int
    duration_s: float
    size_bytes: int
    p50_ms: float
    p99_ms: float


def find_wrk() -> str:
    """Raises ToolMissingError."""
    found = shutil.which("wrk")
    if found is None:
        raise ToolMissingError("wrk, the load generator, is not on the PATH; install wrk (`apt-get install wrk`)")
    return found


def wrk_version(wrk: str) -> str:
    """wrk prints it with its help, and fails."""
    done = subprocess.run([wrk, "-v"], check=False, capture_output=True, text=True)  # noqa: S603 (found on the PATH)
    words = done.stdout.split()
    return words[1] if len(words) > 1 else "unknown"


def put_load(wrk: str, request: Request, *, connections: int, seconds: int, folder: Path, core: int | None) -> Load:
    """Ask over and over for so long. Raises BenchmarkError for any answer that is not a 200 and whole."""
    script = folder / "load.lua"
    script.write_text(lua_script(request), encoding="ascii")
    url = f"http://127.0.0.1:{request.port}{request.path}"
    command = [wrk, "-t1", f"-c{connections}", f"-d{seconds}s", f"--timeout={_TIMEOUT_S}s"]
    with pinned(core):
        done = subprocess.run(  # noqa: S603 (our own command)
            [*command, "-s", str(script), url], check=False, capture_output=True, text=True
        )
    if done.returncode:
        raise BenchmarkError(f"wrk failed with {done.returncode}: {(done.stderr or done.stdout).strip()[-500:]}")
    return parse_load(done.stdout)


def parse_load(output: str) -> Load:
    """Raises BenchmarkError where there were errors, or no answers."""
    line = next((line for line in output.splitlines() if line.startswith(_MARK)), None)
    if line is None:
        raise BenchmarkError(f"wrk printed no result: {output[-500:]!r}")
    result = json.loads(line.removeprefix(_MARK))
    errors = [f"{result[name]} {what}" for name, what in _ERRORS.items() if result[name]]
    if errors:
        raise BenchmarkError(f"wrk counted {', '.join(errors)} beside {result['requests']} answers")
    if not result["requests"]:
        raise BenchmarkError("not one answer came back; measure longer with --seconds")
    return Load(
        requests=result["requests"],
        duration_s=result["duration_us"] / 1e6,
        size_bytes=result["bytes"],
        p50_ms=result["p50_us"] / 1e3,
        p99_ms=result["p99_us"] / 1e3,
    )


def lua_script(request: Request) -> str:
    headers = "\n".join(
        f"wrk.headers[{_lua_string(name)}] = {_lua_string(value)}" for name, value in request.headers.items()
    )
    return _SCRIPT.format(body=_lua_string(request.body.decode()), headers=headers)


def _lua_string(text: str) -> str:
    """A Lua string literal; every byte but letters and digits by its number."""
    return '"' + "".join(chr(b) if chr(b).isalnum() and b < 128 else f"\\{b:03d}" for b in text.encode()) + '"'
