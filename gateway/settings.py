"""Settings from `SIZEWISE_*` environment variables: frozen, checked all at once, secrets never printed."""

from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

Port = Annotated[int, Field(ge=0, le=65_535)]


class SettingsError(Exception):
    """One line a problem; none of them shows a value that may be secret."""


class Settings(BaseSettings):
    """Everything the process is told from outside, but for the policy files.

    api_keys    client keys, comma-separated
    admin_key   the admin plane's credential; without one it listens on loopback only
    admin_port  None: one above the data port; 0: any free port
    """

    model_config = SettingsConfigDict(env_prefix="SIZEWISE_", frozen=True, extra="ignore")

    api_keys: Annotated[tuple[SecretStr, ...], NoDecode] = ()
    admin_key: SecretStr | None = None
    policies: Path = Path("policies")
    database_url: SecretStr = SecretStr("sqlite:///./.sizewise/sizewise.db")
    host: str = "127.0.0.1"
    port: Port = 8080
    admin_host: str = "127.0.0.1"
    admin_port: Port | None = None
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    max_body_bytes: Annotated[int, Field(ge=1_024)] = 32 * 1024 * 1024

    @field_validator("api_keys", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        return tuple(key for part in value.split(",") if (key := part.strip()))

    @field_validator("log_level", mode="before")
    @classmethod
    def _lower(cls, value: Any) -> Any:
        return value.lower() if isinstance(value, str) else value

    @model_validator(mode="after")
    def _guards_admin(self) -> "Settings":
        if self.admin_key is None and not _is_loopback(self.admin_host):
            raise ValueError(
                f"admin_host {self.admin_host!r} is not loopback: set SIZEWISE_ADMIN_KEY, or let it be 127.0.0.1"
            )
        return self


def load_settings(overrides: Mapping[str, Any] | None = None) -> Settings:
    """Settings from the environment; `overrides` (from flags; None values do not count) win. Raises SettingsError."""
    given = {name: value for name, value in (overrides or {}).items() if value is not None}
    try:
        return Settings(**given)
    except ValidationError as exc:
        raise SettingsError("\n".join(_line(error) for error in exc.errors(include_input=False))) from exc


def _line(error: Any) -> str:
    where = "_".join(str(part) for part in error["loc"]).upper()
    return f"SIZEWISE_{where}: {error['msg']}" if where else str(error["msg"]).removeprefix("Value error, ")


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
