"""Options that more than one command takes."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from gateway.store.urls import DATABASE_URL_VARIABLE, DEFAULT_DATABASE_URL

_SPAN = re.compile(r"(\d{1,6})([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}

database_url_option = click.option(
    "--database-url",
    envvar=DATABASE_URL_VARIABLE,
    default=DEFAULT_DATABASE_URL,
    show_default=True,
    metavar="URL",
    help=f"sqlite:///PATH or postgresql://…; give one that holds a password in {DATABASE_URL_VARIABLE} instead.",
)
directory_argument = click.argument(
    "directory", metavar="[DIR]", envvar="SIZEWISE_POLICIES", default="policies", type=click.Path(path_type=Path)
)
assume_env_option = click.option(
    "--assume-env", is_flag=True, help="Take a placeholder for each ${VARIABLE} that is not set, as in CI."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, one object per line.")


class Since(click.ParamType[datetime, str]):
    """A span back from now (`90s`, `30m`, `1h`, `7d`, `2w`) or an ISO 8601 time, UTC where it names no zone."""

    name = "since"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        span = _SPAN.fullmatch(value)
        try:
            if span is not None:
                return datetime.now(UTC) - timedelta(**{_UNITS[span[2]]: int(span[1])})
            moment = datetime.fromisoformat(value)
        except (ValueError, OverflowError):
            self.fail(f"{value!r} is neither a span such as 1h or 7d nor a time such as 2026-01-31T08:00", param, ctx)
        return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


class Days(click.ParamType[int, str]):
    """A number of whole days: `90d`, `12w` or `90`."""

    name = "days"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> int:
        match = re.fullmatch(r"(\d{1,5})([dw]?)", value)
        if match is None:
            self.fail(f"{value!r} is not a number of days such as 90d or 12w", param, ctx)
        return int(match[1]) * (7 if match[2] == "w" else 1)
