"""Options of the commands on keys, teams and applications: spans and moments, limits, budgets."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, Final, Literal, TypeVar, get_args

import click

from gateway.domain.allowances import BudgetTerms, Limits, Period
from gateway.domain.pricing import NANO_PER_USD

Command = TypeVar("Command", bound=Callable[..., Any])

_SPAN: Final = re.compile(r"(\d{1,6})([smhdw])")
_UNIT_S: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_BUDGET: Final = re.compile(r"(\w+)=([0-9_]+(?:\.[0-9]{1,9})?)(?::(hard|soft))?")
_LIMITS: Final = {
    "rpm": ("requests_per_minute", "Requests a minute."),
    "rpd": ("requests_per_day", "Requests a day."),
    "tpm": ("tokens_per_minute", "Tokens a minute."),
    "tpd": ("tokens_per_day", "Tokens a day."),
    "concurrent": ("concurrent", "Requests at a time."),
}


class Span(click.ParamType[float, str]):
    """A span in seconds: `30m`, `24h`, `7d`, `2w`."""

    name = "span"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> float:
        match = _SPAN.fullmatch(value)
        if match is None:
            self.fail(f"{value!r} is no span such as 30m, 24h or 7d", param, ctx)
        return float(int(match[1]) * _UNIT_S[match[2]])


class Until(click.ParamType["float | Literal['never']", str]):
    """A moment to come, in Unix seconds: a span from now, an ISO 8601 time (UTC where it names no zone), or `never`."""

    name = "until"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> float | Literal["never"]:
        if value == "never":
            return "never"
        match = _SPAN.fullmatch(value)
        try:
            if match is not None:
                return (datetime.now(UTC) + timedelta(seconds=int(match[1]) * _UNIT_S[match[2]])).timestamp()
            moment = datetime.fromisoformat(value)
        except (ValueError, OverflowError):
            self.fail(f"{value!r} is neither a span such as 90d, nor a time such as 2027-01-31, nor never", param, ctx)
        return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp()


class Budget(click.ParamType[BudgetTerms, str]):
    """Dollars a period: `month=500`, and `:soft` where more is told but let through."""

    name = "budget"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> BudgetTerms:
        match = _BUDGET.fullmatch(value)
        period: Period | None = next((each for each in get_args(Period) if match and each == match[1]), None)
        if match is None or period is None:
            self.fail(f"{value!r} is no budget such as day=20, week=100.50 or month=500:soft", param, ctx)
        try:
            limit_nano_usd = int(Decimal(match[2]) * NANO_PER_USD)
        except InvalidOperation:
            self.fail(f"{match[2]!r} is no amount of dollars", param, ctx)
        return BudgetTerms(period=period, limit_nano_usd=limit_nano_usd, is_hard=match[3] != "soft")


def allowance_options(command: Command) -> Command:
    """`--rpm` and its like, and `--budget`: what `limits_of` and `budgets_of` read."""
    budget = click.option(
        "--budget",
        "budgets",
        multiple=True,
        type=Budget(),
        metavar="month=500[:soft]",
        help="Dollars a day|week|month.",
    )
    command = budget(command)
    for flag, (_, text) in reversed(_LIMITS.items()):
        command = click.option(f"--{flag}", type=click.IntRange(min=1), metavar="N", help=text)(command)
    return command


def limits_of(given: dict[str, int | None], otherwise: Limits) -> Limits:
    """The limits that were given, by the names of their options; of those that were not, what they are otherwise."""
    fields = {field: getattr(otherwise, field) for field, _ in _LIMITS.values()}
    fields.update({_LIMITS[flag][0]: value for flag, value in given.items() if value is not None})
    return Limits(**fields)


def budgets_of(given: tuple[BudgetTerms, ...]) -> tuple[BudgetTerms, ...]:
    """Raises UsageError where there are two of one period."""
    periods = [terms.period for terms in given]
    if len(set(periods)) < len(periods):
        raise click.UsageError("--budget: one for each period; the later would replace the earlier")
    return given
