"""Real services on free loopback ports, for tests: started, waited for, and stopped by process id."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

_READY_WITHIN_S = 30.0
_POSTGRES_BINARIES = "/usr/lib/postgresql"
_POSTGRES_USER = "postgres"


class ServiceMissing(Exception):  # noqa: N818 - a state of the machine, not an error
    """The service is not installed here."""


def require(service: str) -> None:
    """Raises ServiceMissing where the service of that name cannot be started on this machine."""
    _BINARIES[service]()


@contextmanager
def running_postgres(*settings: str) -> Iterator[str]:
    """The `postgresql+psycopg://` URL of a PostgreSQL of one's own, empty; `settings` go before ours (fsync=off)."""
    initdb, server = _postgres_binary("initdb"), _postgres_binary("postgres")
    # Not below pytest's own directories: those let no other user in, and the server does not run as root.
    with tempfile.TemporaryDirectory(prefix="sizewise-postgres-") as folder:
        demoted = _as_postgres_user(Path(folder))
        data = f"{folder}/data"
        subprocess.run(
            [*demoted, initdb, "-D", data, "-U", _POSTGRES_USER, "-A", "trust", "-E", "UTF8", "--no-locale", "-N"],
            check=True,
            capture_output=True,
            cwd=folder,
        )
        port = _free_port()
        place = (f"port={port}", f"unix_socket_directories={folder}", "listen_addresses=127.0.0.1")
        command = [*demoted, server, "-D", data]
        command += [word for setting in (*place, "fsync=off", *settings) for word in ("-c", setting)]
        with _process(command, Path(folder), lambda: _postgres_answers(folder, port), signal.SIGINT):
            yield f"postgresql+psycopg://{_POSTGRES_USER}@127.0.0.1:{port}/postgres"


@contextmanager
def running_redis() -> Iterator[str]:
    """The `redis://` URL of a Redis of one's own, empty, that keeps nothing on disk."""
    server = _on_path("redis-server")
    port = _free_port()
    with tempfile.TemporaryDirectory(prefix="sizewise-redis-") as folder:
        command = [server, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        with _process(command, Path(folder), lambda: _redis_answers(port)):
            yield f"redis://127.0.0.1:{port}/0"


@contextmanager
def running_redis_cluster() -> Iterator[tuple[str, ...]]:
    """The addresses, HOST:PORT, of the three nodes of a Redis Cluster of one's own."""
    server, cli = _on_path("redis-server"), _on_path("redis-cli")
    ports = [_free_port() for _ in range(3)]
    with ExitStack() as stack:
        for port in ports:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="sizewise-redis-"))
            options = f"--cluster-enabled yes --cluster-port {_free_port()} --save --appendonly no".split()
            command = [server, "--port", str(port), "--bind", "127.0.0.1", *options]
            stack.enter_context(_process(command, Path(folder), partial(_redis_answers, port)))
        nodes = tuple(f"127.0.0.1:{port}" for port in ports)
        subprocess.run([cli, "--cluster", "create", *nodes, "--cluster-yes"], check=True, capture_output=True)
        deadline_s = time.monotonic() + _READY_WITHIN_S
        while not all(map(_cluster_is_whole, ports)):
            if time.monotonic() > deadline_s:
                raise RuntimeError("the nodes of the Redis Cluster did not find each other")
            time.sleep(0.05)
        yield nodes


@contextmanager
def running_redis_sentinel() -> Iterator[tuple[str, int]]:
    """A primary called `counts`, its replica, and a Sentinel that watches them: its HOST:PORT, and its port."""
    server = _on_path("redis-server")
    primary, replica, sentinel = (_free_port() for _ in range(3))
    with ExitStack() as stack:
        for port, options in ((primary, []), (replica, ["--replicaof", f"127.0.0.1 {primary}"])):
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="sizewise-redis-"))
            command = [server, "--port", str(port), "--bind", "127.0.0.1", "--save", "", *options]
            stack.enter_context(_process(command, Path(folder), partial(_redis_answers, port)))
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="sizewise-sentinel-"))
        config = Path(folder) / "sentinel.conf"
        config.write_text(f"port {sentinel}\nbind 127.0.0.1\nsentinel monitor counts 127.0.0.1 {primary} 1\n")
        command = [server, str(config), "--sentinel"]
        stack.enter_context(_process(command, Path(folder), partial(_redis_answers, sentinel)))
        yield f"127.0.0.1:{sentinel}", sentinel


@contextmanager
def running_prometheus(config_text: str) -> Iterator[str]:
    """The base URL of a Prometheus of one's own, with that configuration."""
    server = _on_path("prometheus")
    port = _free_port()
    with tempfile.TemporaryDirectory(prefix="sizewise-prometheus-") as folder:
        config = Path(folder) / "prometheus.yml"
        config.write_text(config_text, encoding="utf-8")
        command = [
            server,
            f"--config.file={config}",
            f"--storage.tsdb.path={folder}/data",
            f"--web.listen-address=127.0.0.1:{port}",
        ]
        url = f"http://127.0.0.1:{port}"
        with _process(command, Path(folder), lambda: _http_answers(f"{url}/-/ready")):
            yield url


@contextmanager
def _process(
    command: Sequence[str], folder: Path, answers: Callable[[], bool], stop_signal: signal.Signals = signal.SIGTERM
) -> Iterator[None]:
    """A child process that answers; stopped at the end, and by the kernel should this process die first."""
    log = folder / "service.log"
    with log.open("wb") as output:
        child = subprocess.Popen(_dies_with_us(command), cwd=folder, stdout=output, stderr=subprocess.STDOUT)
    try:
        _wait_until(answers, child, log)
        yield
    finally:
        child.send_signal(stop_signal)
        try:
            child.wait(timeout=10)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def _wait_until(answers: Callable[[], bool], child: subprocess.Popen[bytes], log: Path) -> None:
    deadline_s = time.monotonic() + _READY_WITHIN_S
    while not answers():
        if child.poll() is not None or time.monotonic() > deadline_s:
            raise RuntimeError(f"{child.args!r} did not come up:\n{log.read_text(errors='replace')[-2000:]}")
        time.sleep(0.05)


def _dies_with_us(command: Sequence[str]) -> Sequence[str]:
    setpriv = shutil.which("setpriv")
    if setpriv is None or command[0] == setpriv:
        return command
    return (setpriv, "--pdeathsig", "TERM", *command)


def _as_postgres_user(folder: Path) -> tuple[str, ...]:
    """What to put before a command of PostgreSQL's, which refuses to run as root; hands the folder over to its user."""
    if os.geteuid() != 0:
        return ()
    try:
        shutil.chown(folder, _POSTGRES_USER, _POSTGRES_USER)
    except LookupError as error:
        raise ServiceMissing(f"no user {_POSTGRES_USER!r} to run PostgreSQL as: {error}") from error
    # INT is PostgreSQL's fast shutdown; TERM would wait for every client to leave.
    users = ("--reuid", _POSTGRES_USER, "--regid", _POSTGRES_USER, "--init-groups")
    return (_on_path("setpriv"), *users, "--pdeathsig", "INT", "--")


def _postgres_binary(name: str) -> str:
    versions = sorted(Path(_POSTGRES_BINARIES).glob(f"*/bin/{name}"), key=lambda path: float(path.parts[-3]))
    found = str(versions[-1]) if versions else shutil.which(name)
    if found is None:
        raise ServiceMissing(f"PostgreSQL's {name!r} is neither on the PATH nor below {_POSTGRES_BINARIES}")
    return found


def _on_path(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise ServiceMissing(f"{name!r} is not on the PATH")
    return found


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _postgres_answers(folder: str, port: int) -> bool:
    ready = subprocess.run(
        [_postgres_binary("pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port)], cwd=folder, check=False
    )
    return ready.returncode == 0


def _redis_answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
    except OSError:
        return False


def _cluster_is_whole(port: int) -> bool:
    """As that node sees it."""
    with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
        connection.sendall(b"CLUSTER INFO\r\n")
        return b"cluster_state:ok" in connection.recv(4096)


def _http_answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=1) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False


_BINARIES: dict[str, Callable[[], str]] = {
    "openssl": lambda: _on_path("openssl"),
    "wrk": lambda: _on_path("wrk"),
    "postgresql": lambda: _postgres_binary("postgres"),
    "redis": lambda: _on_path("redis-server"),
    "prometheus": lambda: _on_path("prometheus"),
}
