"""The peers, each set up as its own documentation advises for production, on one worker like the gateway.

nginx    a reverse proxy and nothing else: the floor of what a relay costs
LiteLLM  without a database and without logs; its key check is on, as is ours
Portkey  on Node; it has no keys of its own to check
"""

import json
import re
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Final

from gateway.cli.benchmark.processes import free_port, running
from gateway.cli.benchmark.scenarios import UPSTREAM_MODEL_OF
from gateway.cli.benchmark.targets import Installed, Missing, Place, Target

LITELLM_VARIABLE: Final = "SIZEWISE_BENCH_LITELLM"
PORTKEY_VARIABLE: Final = "SIZEWISE_BENCH_PORTKEY"
PEERS: Final = ("nginx", "litellm", "portkey")

_NGINX: Final = """\
worker_processes 1;
daemon off;
pid {folder}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  client_body_buffer_size 64k;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  upstream models {{
    server 127.0.0.1:{upstream_port};
    keepalive 256;
    keepalive_requests 1000000000;
  }}
  server {{
    listen 127.0.0.1:{port};
    keepalive_requests 1000000000;
    location / {{
      proxy_pass http://models;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_buffering off;
      proxy_read_timeout 600s;
    }}
  }}
}}
"""

_LITELLM_ENVIRONMENT: Final = {
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "LITELLM_LOG": "ERROR",
    "LITELLM_MODE": "PRODUCTION",
    "LITELLM_TELEMETRY": "False",
}
_PORTKEY_ON_LOOPBACK: Final = """\
import net from "node:net";
const listen = net.Server.prototype.listen;
net.Server.prototype.listen = function (port, host, ...rest) {
  return listen.call(this, port, host ?? "127.0.0.1", ...rest);
};
"""
"""It has no option for the address to listen on."""

_PORTKEY_INSTALL: Final = "npm pkg set overrides.@hono/node-server=1.13.7 && npm install @portkey-ai/gateway"
"""With newer servers (seen from 1.14.2 on) its streams are all 500s: https://github.com/Portkey-AI/gateway/issues/1389"""


def find_peers(*, litellm: Path | None, portkey: Path | None) -> list[Installed | Missing]:
    return [_find_nginx(), _find_litellm(litellm), _find_portkey(portkey)]


def _find_nginx() -> Installed | Missing:
    found = shutil.which("nginx")
    if found is None:
        return Missing("nginx", "put nginx on the PATH (`apt-get install nginx-light`)")
    return Installed("nginx", partial(nginx, found))


def _find_litellm(python: Path | None) -> Installed | Missing:
    if python is None:
        return Missing(
            "litellm", f"`pip install 'litellm[proxy]'` in a venv; then --litellm VENV/bin/python or {LITELLM_VARIABLE}"
        )
    if not python.is_file():
        return Missing("litellm", f"{str(python)!r} is not there; give the Python of a venv that has litellm[proxy]")
    return Installed("litellm", partial(litellm, python.absolute()))


def _find_portkey(node_modules: Path | None) -> Installed | Missing:
    if node_modules is None:
        return Missing(
            "portkey",
            f"`{_PORTKEY_INSTALL}`; then --portkey NODE_MODULES or {PORTKEY_VARIABLE}",
        )
    if not _portkey_package(node_modules).is_dir():
        return Missing("portkey", f"no @portkey-ai/gateway in {str(node_modules)!r}; give the node_modules that has it")
    node = shutil.which("node")
    if node is None:
        return Missing("portkey", "put node on the PATH")
    return Installed("portkey", partial(portkey, node, node_modules.absolute()))


@contextmanager
def nginx(binary: str, place: Place) -> Iterator[Target]:
    port, config = free_port(), place.folder / "nginx.conf"
    config.write_text(
        _NGINX.format(folder=place.folder, upstream_port=place.upstream.port, port=port), encoding="utf-8"
    )
    command = [binary, "-e", "stderr", "-p", str(place.folder), "-c", str(config)]
    with running("nginx", command, folder=place.folder, environment=place.environment, core=place.core) as process:
        yield Target(name="nginx", version=_version(binary, "-v"), port=port, headers={}, process=process)


@contextmanager
def litellm(python: Path, place: Place) -> Iterator[Target]:
    """Without PYTHONDONTWRITEBYTECODE : with it, each request compiles a module anew."""
    key, port, config = "sk-" + secrets.token_hex(16), free_port(), place.folder / "litellm.yaml"
    config.write_text(json.dumps(litellm_config(place.upstream.api_base, key)), encoding="utf-8")
    options = ["--config", str(config), "--host", "127.0.0.1", "--port", str(port), "--num_workers", "1"]
    command = [str(python), "-m", "litellm.proxy.proxy_cli", *options]
    environment = place.environment | _LITELLM_ENVIRONMENT
    with running("litellm", command, folder=place.folder, environment=environment, core=place.core) as process:
        version = _version(str(python), "-c", "import importlib.metadata as m; print(m.version('litellm'))")
        yield Target(
            name="litellm",
            version=version,
            port=port,
            headers={"Authorization": f"Bearer {key}"},
            process=process,
            knows_alias=True,
            rebuilt=True,
        )


def litellm_config(api_base: str, master_key: str) -> dict[str, object]:
    """JSON is YAML. The settings are those of LiteLLM's page of production advice that need no other service."""
    models = [
        {
            "model_name": alias,
            "litellm_params": {"model": f"openai/{model}", "api_base": api_base, "api_key": "unchecked"},
        }
        for alias, model in UPSTREAM_MODEL_OF.items()
    ]
    return {
        "model_list": models,
        "general_settings": {"master_key": master_key, "disable_spend_logs": True, "disable_error_logs": True},
        "litellm_settings": {"set_verbose": False, "json_logs": True, "request_timeout": 600, "telemetry": False},
    }


@contextmanager
def portkey(node: str, node_modules: Path, place: Place) -> Iterator[Target]:
    package, port, shim = _portkey_package(node_modules), free_port(), place.folder / "loopback.mjs"
    shim.write_text(_PORTKEY_ON_LOOPBACK, encoding="utf-8")
    start = str(package / "build" / "start-server.js")
    command = [node, "--import", str(shim), start, "--headless", f"--port={port}"]
    environment = place.environment | {"NODE_ENV": "production", "TRUSTED_CUSTOM_HOSTS": "127.0.0.1"}
    with running("portkey", command, folder=place.folder, environment=environment, core=place.core) as process:
        yield Target(
            name="portkey",
            version=json.loads((package / "package.json").read_text(encoding="utf-8"))["version"],
            port=port,
            headers={
                "Authorization": "Bearer unchecked",
                "x-portkey-provider": "openai",
                "x-portkey-custom-host": place.upstream.api_base,
            },
            process=process,
            rebuilt=True,
        )


def _portkey_package(node_modules: Path) -> Path:
    return node_modules / "@portkey-ai" / "gateway"


def _version(*command: str) -> str:
    """The first version number the command prints, on either stream."""
    done = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603 (our own commands)
    found = re.search(r"\d+(?:\.\w+)+", done.stdout + done.stderr)
    return found[0] if found else "unknown"
