"""Two thousand streams at once through one process: none stalls, each takes little memory, a slow one delays nobody."""

import asyncio
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.gateway_process import KEY, GatewayProcess, eventually, running_gateway

STREAMS = 2_000
SLOW = 50
MODELS = {"long": "chunks:40:500", "short": "chunks:8:500", "brief": "chunks:2:10", "large": "huge:16"}
"""Alias → scripted model: so many chunks, so many milliseconds before each; or so many megabytes at once."""
MOST_KB = 60
STALLED_S = 5.0
"""Ten times the pause: the machine is not ours alone, and upstream, gateway and two thousand clients share it."""


@dataclass
class Stream:
    """first_s: from asking to the first bytes; gaps_s: between those that follow."""

    first_s: float = 0.0
    gaps_s: list[float] = field(default_factory=list)
    is_whole: bool = False


@contextmanager
def upstream_process() -> Iterator[str]:
    """A scripted upstream with an interpreter of its own."""
    command = [sys.executable, "-m", "gateway.providers.scripted", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().split()[-1]
        finally:
            process.terminate()


def policies(upstream: str) -> str:
    deployments = [
        {"name": name, "tier": "small", "provider": "openai", "model": model, "api_base": f"{upstream}/v1"}
        for name, model in MODELS.items()
    ]
    return json.dumps(
        {
            "deployments": deployments,
            "routes": [{"name": each["name"], "try": [each["name"]]} for each in deployments],
            "policies": [
                {"name": each["name"], "serves": [each["name"]], "default": each["name"]} for each in deployments
            ],
        }
    )


async def opened(gateway: GatewayProcess, alias: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    host, port = gateway.url.removeprefix("http://").split(":")
    ask = {"model": alias, "stream": True, "messages": [{"role": "user", "content": "hi"}]}
    body = json.dumps(ask).encode()
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {KEY}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    reader, writer = await asyncio.open_connection(host, int(port), limit=4_096)
    writer.write(head.encode() + body)
    return reader, writer


async def read(gateway: GatewayProcess, alias: str, stream: Stream) -> None:
    reader, writer = await opened(gateway, alias)
    asked_s = last_s = time.monotonic()
    tail = b""
    while data := await reader.read(4_096):
        now_s = time.monotonic()
        if tail:
            stream.gaps_s.append(now_s - last_s)
        else:
            stream.first_s = now_s - asked_s
        tail, last_s = (tail + data)[-64:], now_s
    stream.is_whole = b"data: [DONE]" in tail
    writer.close()


async def dawdle(gateway: GatewayProcess, until: asyncio.Event) -> None:
    """Ask for 16 MB and read one byte a second."""
    host, port = gateway.url.removeprefix("http://").split(":")
    loop = asyncio.get_running_loop()
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        client.setblocking(False)
        await loop.sock_connect(client, (host, int(port)))
        body = json.dumps({"model": "large", "stream": True, "messages": [{"role": "user", "content": "hi"}]}).encode()
        head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {KEY}\r\n"
        await loop.sock_sendall(client, f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        while not until.is_set():
            await loop.sock_recv(client, 1)
            await asyncio.sleep(1.0)


@dataclass
class Peak:
    """The most memory the gateway took, and the most requests it had in flight."""

    mb: float = 0.0
    inflight: int = 0


def inflight(gateway: GatewayProcess) -> int:
    page = gateway.admin("/metrics").body.decode()
    return int(float(page.partition("\nsizewise_inflight_requests ")[2].split()[0]))


async def watch(gateway: GatewayProcess, until: asyncio.Event) -> Peak:
    peak = Peak()
    while not until.is_set():
        peak.mb = max(peak.mb, gateway.rss_mb())
        peak.inflight = max(peak.inflight, await asyncio.to_thread(inflight, gateway))
        await asyncio.sleep(0.5)
    return peak


async def run(gateway: GatewayProcess, alias: str, streams: list[Stream], *, slow: int = 0) -> Peak:
    """Read all streams beside so many slow readers."""
    done = asyncio.Event()
    watching = asyncio.create_task(watch(gateway, done))
    dawdling = [asyncio.create_task(dawdle(gateway, done)) for _ in range(slow)]
    reading = []
    for number, stream in enumerate(streams):
        reading.append(asyncio.create_task(read(gateway, alias, stream)))
        if number % 20 == 19:
            await asyncio.sleep(0.01)
    await asyncio.gather(*reading)
    done.set()
    await asyncio.gather(*dawdling)
    return await watching


def test_two_thousand_streams_run_at_once_and_none_stalls(tmp_path: Path) -> None:
    with upstream_process() as upstream, running_gateway(tmp_path, {"p.yaml": policies(upstream)}) as gateway:
        asyncio.run(run(gateway, "brief", [Stream() for _ in range(20)]))
        before_mb = gateway.rss_mb()
        streams = [Stream() for _ in range(STREAMS)]

        peak = asyncio.run(run(gateway, "long", streams))

        kb_each = (peak.mb - before_mb) * 1_024 / STREAMS
        worst_s = max(gap_s for stream in streams for gap_s in stream.gaps_s)
        first_s = max(stream.first_s for stream in streams)
        print(
            f"{STREAMS} streams: {kb_each:.1f} KB each, first bytes after {first_s:.2f} s, longest gap {worst_s:.2f} s"
        )
        assert peak.inflight == STREAMS
        assert all(stream.is_whole for stream in streams)
        assert worst_s < STALLED_S
        assert kb_each < MOST_KB
        assert {record.outcome for record in gateway.records(STREAMS)} == {"ok"}


def test_readers_of_one_byte_a_second_take_little_memory_and_delay_nobody(tmp_path: Path) -> None:
    with upstream_process() as upstream, running_gateway(tmp_path, {"p.yaml": policies(upstream)}) as gateway:
        asyncio.run(run(gateway, "brief", [Stream() for _ in range(20)]))
        before_mb = gateway.rss_mb()
        streams = [Stream() for _ in range(100)]

        peak = asyncio.run(run(gateway, "short", streams, slow=SLOW))

        mb_each = (peak.mb - before_mb) / SLOW
        worst_s = max(gap_s for stream in streams for gap_s in stream.gaps_s)
        print(f"{SLOW} slow readers of 16 MB: {mb_each:.2f} MB each, the longest gap of another {worst_s:.2f} s")
        assert all(stream.is_whole for stream in streams)
        assert worst_s < STALLED_S
        assert mb_each < 2.0
        eventually(lambda: gateway.rss_mb() < peak.mb + 1 or None, "memory that does not grow")
