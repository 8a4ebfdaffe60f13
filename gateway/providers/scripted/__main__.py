"""`python -m gateway.providers.scripted`: the scripted upstream as a process of its own."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys

from gateway.providers.scripted.faults import describe
from gateway.providers.scripted.server import LoopFactory, ScriptedUpstream


def main() -> None:
    """Print the URL on one line, then serve until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="python -m gateway.providers.scripted", description=main.__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=9999, help="0: any free port")
    parser.add_argument("--models", action="store_true", help="print what each model name does, and exit")
    options = parser.parse_args()
    if options.models:
        print(describe())
        return
    with asyncio.Runner(loop_factory=_fast_loop()) as runner:
        try:
            runner.run(_serve(options.host, options.port))
        except OSError as exc:
            sys.exit(f"cannot serve on {options.host}:{options.port}: {exc.strerror}; choose another --port")


async def _serve(host: str, port: int) -> None:
    loop = asyncio.get_running_loop()
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    async with ScriptedUpstream(host=host, port=port) as upstream:
        print(upstream.url, flush=True)
        await stopping.wait()


def _fast_loop() -> LoopFactory | None:
    """uvloop where it is installed; it has no Windows build."""
    try:
        import uvloop  # noqa: PLC0415 (optional)
    except ImportError:
        return None
    return uvloop.new_event_loop


if __name__ == "__main__":
    main()
