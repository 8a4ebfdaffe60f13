"""Settings from `SIZEWISE_*` environment variables: frozen, checked all at once, secrets never printed."""

import os
import re
from collections.abc import Mapping
from difflib import get_close_matches
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import AfterValidator, Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from gateway.domain.acts import Role
from gateway.domain.admin_keys import read_admin_keys
from gateway.domain.redis_address import redis_address
from gateway.domain.virtual_key import claims_to_be_one

_HOST_NAME = re.compile(r"(?:\*\.)?[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*|\[[0-9A-Fa-f:.]+\]")
_ORIGIN = re.compile(r"https?://(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?")


def _host_name(name: str) -> str:
    if not _HOST_NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no host name; write one without port, such as api.example.com or *.example.com")
    return name


def _origin(origin: str) -> str:
    if not _ORIGIN.fullmatch(origin):
        raise ValueError(f"{origin!r} is no origin; write one as browsers do, such as https://app.example.com")
    return origin


HostName = Annotated[str, AfterValidator(_host_name)]
Origin = Annotated[str, AfterValidator(_origin)]
Port = Annotated[int, Field(ge=0, le=65_535)]
Seconds = Annotated[float, Field(gt=0, le=3_600, allow_inf_nan=False)]


class AdminKey(NamedTuple):
    """A credential of the admin plane, and whose it is."""

    name: str
    role: Role
    key: SecretStr


class SettingsError(Exception):
    """One line a problem; none of them shows a value that may be secret."""


class Settings(BaseSettings):
    """Everything the process is told from outside, but for the policy files.

    api_keys    client keys, comma-separated, beside the virtual keys of the database
    key_pepper  the secret virtual keys are digested with: `v1:SECRET`, or `v1:OLD,v2:NEW`; None: there are none
    admin_key   a credential of the admin plane, of its role admin; without any it listens on loopback only
    admin_keys  more of them, for people and tools by name: `name:role:key`, comma-separated
    admin_database_url  what the admin plane and housekeeping use; None: database_url, whose role may then do as much
    admin_port  None: one above the data port; 0: any free port
    model       the classifier's model file; None: the shipped one
    allowed_hosts  the names the gateway is called by (`*.name`: all below it), comma-separated; none: any name
    cors_origins   web pages that may call the data plane, by origin, comma-separated; none: no page may
    tls_certificate, tls_key  PEM files; both ports speak TLS then
    policy_poll_s  how often the policy files are looked at for changes; 0: never, a SIGHUP reloads them
    spool       where records wait for the database, on a disk that outlives the process; None: beside a SQLite file,
                else ./.sizewise/spool
    durability  sync: no call leaves before its request is on the disk; group: the disk confirms every 40 ms;
                none: the operating system decides when it is written
    keep_days   how many whole days records are kept, 2 at least; None: for ever. The sums of reports stay
    housekeeping_s                    from one summing up of the records, and pruning, to the next
    spool_max_bytes                   of records that wait for the database, beyond which no more are written
    max_inflight, max_inflight_bytes  requests under way, and their bodies together, beyond which more get a 503
    redis_url           where gateways share what they count of limits and budgets; None: each counts for itself
    gateways            how many share them: of each limit this one lets pass its share while Redis is away
    on_redis_down       what becomes of callers with limits then: `share`, or `refuse` with a 503
    budgets_on_redis_down  of callers with budgets
    client_head_s, client_body_s      a request whose head or body takes longer gets a 408
    stream_keep_alive_s               the longest the client of a stream hears nothing; 0: no comments are sent
    client_stall_s                    a client that takes nothing of its answer for so long is cut off
    """

    model_config = SettingsConfigDict(env_prefix="SIZEWISE_", frozen=True, extra="ignore", hide_input_in_errors=True)

    api_keys: Annotated[tuple[SecretStr, ...], NoDecode] = ()
    key_pepper: SecretStr | None = None
    admin_key: SecretStr | None = None
    allowed_hosts: Annotated[tuple[HostName, ...], NoDecode] = ()
    cors_origins: Annotated[tuple[Origin, ...], NoDecode] = ()
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    admin_keys: Annotated[tuple[AdminKey, ...], NoDecode] = ()
    policies: Path = Path("policies")
    model: Path | None = None
    policy_poll_s: Annotated[float, Field(ge=0, le=3_600, allow_inf_nan=False)] = 1.0
    database_url: SecretStr = SecretStr("sqlite:///./.sizewise/sizewise.db")
    admin_database_url: SecretStr | None = None
    spool: Path | None = None
    durability: Literal["sync", "group", "none"] = "group"
    spool_max_bytes: Annotated[int, Field(ge=1 << 20)] = 1 << 30
    keep_days: Annotated[int, Field(ge=2)] | None = None
    housekeeping_s: Seconds = 300.0
    redis_url: SecretStr | None = None
    gateways: Annotated[int, Field(ge=1, le=10_000)] = 1
    on_redis_down: Literal["share", "refuse"] = "share"
    budgets_on_redis_down: Literal["share", "refuse"] = "share"
    host: str = "127.0.0.1"
    port: Port = 8080
    admin_host: str = "127.0.0.1"
    admin_port: Port | None = None
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    max_body_bytes: Annotated[int, Field(ge=1_024)] = 32 * 1024 * 1024
    max_inflight: Annotated[int, Field(ge=1)] = 4_000
    max_inflight_bytes: Annotated[int, Field(ge=1_024)] = 256 * 1024 * 1024
    client_head_s: Seconds = 10.0
    client_body_s: Seconds = 30.0
    client_stall_s: Seconds = 60.0
    stream_keep_alive_s: Annotated[float, Field(ge=0, le=3_600, allow_inf_nan=False)] = 15.0

    @field_validator("api_keys", "allowed_hosts", "cors_origins", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        return tuple(key for part in value.split(",") if (key := part.strip()))

    @field_validator("api_keys")
    @classmethod
    def _are_not_virtual(cls, keys: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        for place, key in enumerate(keys, 1):
            if claims_to_be_one(key.get_secret_value()):
                raise ValueError(f"key {place} begins as virtual keys do, which stand in the database; leave it out")
        return keys

    @field_validator("admin_key")
    @classmethod
    def _is_no_clients(cls, key: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        """A header loses the blanks around it: so does the key."""
        if key is None:
            return None
        bare = key.get_secret_value().strip()
        if bare in [client.get_secret_value() for client in info.data.get("api_keys", ())]:
            raise ValueError("it is a client's key, too: whoever has that would be an admin; make one of its own")
        return SecretStr(bare)

    @field_validator("admin_keys", mode="before")
    @classmethod
    def _split_admin_keys(cls, value: Any, info: ValidationInfo) -> Any:
        if not isinstance(value, str):
            return value
        sole, clients = info.data.get("admin_key"), info.data.get("api_keys", ())
        taken = [key.get_secret_value() for key in (*clients, *([] if sole is None else [sole]))]
        return read_admin_keys(value, taken)

    @field_validator("log_level", "durability", "on_redis_down", "budgets_on_redis_down", mode="before")
    @classmethod
    def _lower(cls, value: Any) -> Any:
        return value.lower() if isinstance(value, str) else value

    @field_validator(
        *("admin_key", "admin_database_url", "key_pepper", "model", "spool", "keep_days", "redis_url"),
        *("tls_certificate", "tls_key"),
        mode="before",
    )
    @classmethod
    def _blank_is_none(cls, value: Any) -> Any:
        return None if isinstance(value, str) and not value.strip() else value

    @field_validator("redis_url")
    @classmethod
    def _is_redis(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None:
            redis_address(url.get_secret_value())
        return url

    @field_validator("tls_key")
    @classmethod
    def _has_certificate(cls, key: Path | None, info: ValidationInfo) -> Path | None:
        if (key is None) != (info.data.get("tls_certificate") is None):
            raise ValueError("a certificate and its key go together: set SIZEWISE_TLS_CERTIFICATE and SIZEWISE_TLS_KEY")
        return key

    @field_validator("admin_host")
    @classmethod
    def _guards_admin(cls, host: str, info: ValidationInfo) -> str:
        is_open = info.data.get("admin_key") is None and info.data.get("admin_keys") == ()
        if is_open and not _is_loopback(host):
            raise ValueError(f"{host!r} is not loopback: set SIZEWISE_ADMIN_KEY, or let it be 127.0.0.1")
        return host


def load_settings(overrides: Mapping[str, Any] | None = None) -> Settings:
    """Settings from the environment; `overrides` (from flags; None values do not count) win. Raises SettingsError."""
    given = {name: value for name, value in (overrides or {}).items() if value is not None}
    problems = _misspelt(os.environ)
    try:
        settings = Settings(**given)
    except ValidationError as exc:
        raise SettingsError("\n".join([*problems, *map(_line, exc.errors(include_input=False))])) from exc
    if problems:
        raise SettingsError("\n".join(problems))
    return settings


def _misspelt(environment: Mapping[str, str]) -> list[str]:
    """Variables that are all but the name of a setting; others with the prefix may serve the policy files."""
    known = [f"SIZEWISE_{name.upper()}" for name in Settings.model_fields]
    strangers = [name for name in environment if name.startswith("SIZEWISE_") and name not in known]
    near = {name: get_close_matches(name, known, n=1, cutoff=0.9) for name in sorted(strangers)}
    return [f"{name}: there is no such setting; did you mean {match[0]}?" for name, match in near.items() if match]


def _line(error: Any) -> str:
    where = str(error["loc"][0]).upper()
    return f"SIZEWISE_{where}: {str(error['msg']).removeprefix('Value error, ')}"


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
