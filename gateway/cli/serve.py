"""`sizewise serve`: the gateway, and with `--demo` a scripted upstream to try it on."""

import gc
import os
import shutil
import socket
import ssl
import sys
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import click
import uvloop
from pydantic import SecretStr

from gateway import __version__
from gateway.api.cors import with_cors
from gateway.api.server import Plane, PortTakenError, listen
from gateway.api.server import serve as serve_on
from gateway.api.tls import CertificateError, server_context
from gateway.api.wire import WireLimits
from gateway.api.wire_head import Callers
from gateway.api.wire_host import LOOPBACK, Hosts
from gateway.bootstrap import Assembly, assemble
from gateway.classifiers.tensors import ModelFileError
from gateway.cli.extras import needs_extra
from gateway.cli.first_steps import first_steps
from gateway.policyfile.problems import PolicyError
from gateway.providers.scripted import ScriptedUpstream
from gateway.settings import Settings, SettingsError, load_settings
from gateway.store.pepper import PepperError, pepper_file, read_or_make
from gateway.store.spool.folders import SpoolFolderError
from gateway.store.urls import DatabaseUrlError, without_password
from gateway.telemetry.logs import configure_logging

DEMO_KEY = "sw-demo"
DEMO_UPSTREAM = "SIZEWISE_DEMO_UPSTREAM"
GC_THRESHOLDS = (20_000, 10, 10)
"""A request leaves no cycles behind; looking for some every 700 objects, as Python would, is a twentieth of its CPU."""
SWITCH_S = 0.0005
"""The longest a request waits for the interpreter while another thread, which writes records, has it. Python: 5 ms."""
DEMO_REQUEST = '{"model": "auto", "messages": [{"role": "user", "content": "Translate to French: good morning"}]}'

_REFUSALS = (
    *(SettingsError, PolicyError, ModelFileError, DatabaseUrlError, PepperError, SpoolFolderError, PortTakenError),
    CertificateError,
)


@click.command()
@click.option("--demo", is_flag=True, help="Serve scripted models: no provider key, no network, no service needed.")
@click.option("--policies", type=click.Path(path_type=Path), help="Directory of policy files.")
@click.option("--model", type=click.Path(path_type=Path), help="The classifier's model file [the shipped model].")
@click.option("--host", help="Address of the data plane [127.0.0.1].")
@click.option("--port", type=int, help="Port of the data plane; 0 takes a free one [8080].")
@click.option("--admin-port", type=int, help="Port of the admin plane [the data port + 1].")
@click.option("--tls-certificate", type=click.Path(path_type=Path), help="PEM file: both ports speak TLS.")
@click.option("--tls-key", type=click.Path(path_type=Path), help="PEM file of the certificate's key.")
@click.option("--database-url", help="Where the records go [sqlite:///./.sizewise/sizewise.db].")
@click.option("--log-level", type=click.Choice(["debug", "info", "warning", "error"]), help="[info]")
def serve(demo: bool, **flags: Any) -> None:
    """Start the gateway.

    Settings come from SIZEWISE_* environment variables; the flags win.
    """
    try:
        settings = _settings(demo, flags)
        configure_logging(settings.log_level, sys.stderr)
        if not demo and (missing := first_steps(settings, os.environ)):
            raise click.ClickException(missing)
        uvloop.run(_run(settings, demo=demo))
    except _REFUSALS as exc:
        raise click.ClickException(str(exc)) from exc


def _settings(demo: bool, flags: Mapping[str, Any]) -> Settings:
    settings = load_settings(flags)
    if not demo:
        return settings
    return settings.model_copy(
        update={
            "api_keys": (*settings.api_keys, SecretStr(DEMO_KEY)),
            "policies": flags.get("policies") or demo_policies(),
        }
    )


def _demo_pepper(settings: Settings) -> SecretStr:
    """A pepper of the demo's own, so that `sizewise keys create` works beside it."""
    file = pepper_file(settings.database_url.get_secret_value())
    try:
        return SecretStr(read_or_make(file))
    except OSError as error:
        message = f"cannot keep a pepper in {str(file)!r}: {error.strerror}; set SIZEWISE_KEY_PEPPER"
        raise click.ClickException(message) from error


def demo_policies() -> Path:
    """The demo's policy files: inside the installed package, else in the checkout."""
    package = Path(__file__).parents[1]
    packaged = package / "policyfile" / "demo"
    return packaged if packaged.is_dir() else package.parent / "policies" / "demo"


async def _run(settings: Settings, *, demo: bool) -> None:
    async with AsyncExitStack() as stack:
        environment = dict(os.environ)
        if demo:
            pepper = settings.key_pepper or _demo_pepper(settings)
            settings = settings.model_copy(update={"key_pepper": pepper})
            upstream = await stack.enter_async_context(ScriptedUpstream())
            environment[DEMO_UPSTREAM] = f"{upstream.url}/v1"
        tls = _tls(settings)
        with needs_extra("redis", "redis"):
            assembly = assemble(settings, environment=environment)
        data = stack.enter_context(listen(settings.host, settings.port))
        admin = stack.enter_context(_listen_admin(settings, data.getsockname()[1]))
        assembly.start()
        gc.collect()
        gc.freeze()
        gc.set_threshold(*GC_THRESHOLDS)
        sys.setswitchinterval(SWITCH_S)
        click.echo(_greeting(settings, assembly, data, admin, demo=demo))
        async with assembly.watching():
            await serve_on(
                [
                    Plane(
                        app=with_cors(assembly.data_plane, settings.cors_origins),
                        listener=data,
                        callers=Callers(hosts=Hosts(settings.allowed_hosts)),
                    ),
                    Plane(app=assembly.admin_plane, listener=admin, callers=_admin_callers(settings)),
                ],
                assembly.readiness,
                limits=WireLimits(
                    head_s=settings.client_head_s, body_s=settings.client_body_s, stall_s=settings.client_stall_s
                ),
                rejected=assembly.rejected,
                tls=tls,
            )
        if not await assembly.aclose():
            click.echo("records wait in the spool for the database: the next start writes them", err=True)


def _tls(settings: Settings) -> ssl.SSLContext | None:
    if settings.tls_certificate is None or settings.tls_key is None:
        return None
    return server_context(settings.tls_certificate, settings.tls_key)


def _admin_callers(settings: Settings) -> Callers:
    """Without a key the plane is for those on this machine: a name that leads there from elsewhere is not enough."""
    if settings.admin_key is not None or settings.admin_keys:
        return Callers(hosts=Hosts(settings.allowed_hosts))
    return Callers(hosts=Hosts((*LOOPBACK, settings.admin_host, *settings.allowed_hosts)), is_same_origin=True)


def _listen_admin(settings: Settings, data_port: int) -> socket.socket:
    """The admin socket: where it was told to be, else one above the data port, else anywhere free."""
    if settings.admin_port is not None:
        return listen(settings.admin_host, settings.admin_port)
    try:
        return listen(settings.admin_host, data_port + 1)
    except PortTakenError:
        return listen(settings.admin_host, 0)


def _greeting(settings: Settings, assembly: Assembly, data: socket.socket, admin: socket.socket, *, demo: bool) -> str:
    scheme = "http" if settings.tls_certificate is None else "https"
    base = f"{scheme}://{_address(data)}"
    aliases = ", ".join(sorted(assembly.policies.current().by_alias))
    lines = [
        f"Sizewise {__version__} is ready",
        f"  base URL   {base}/v1   models: {aliases}",
        f"  admin      {scheme}://{_address(admin)}   metrics at /metrics, decisions at /admin/decisions, API at /docs",
        f"  policies   {settings.policies} (version {assembly.policies.current().version})",
        f"  records    {without_password(settings.database_url.get_secret_value())}",
    ]
    if demo:
        lines += [
            f"  key        {DEMO_KEY}   the models are scripted: no language model is called",
            "Try it:",
            f"  curl -i {base}/v1/chat/completions -H 'Authorization: Bearer {DEMO_KEY}' \\",
            f"    -d '{DEMO_REQUEST}'",
            f"  {_command()} report decisions",
        ]
    return "\n".join(lines)


def _command() -> str:
    """This command as it can be typed: by its name where that is on the PATH, else as it was called."""
    return "sizewise" if shutil.which("sizewise") or Path(sys.argv[0]).name != "sizewise" else sys.argv[0]


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
