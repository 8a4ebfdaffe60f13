"""Keys, teams and applications for a terminal, and as JSON."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

import msgspec

from gateway.cli.tables import UNKNOWN, printable, table
from gateway.domain.allowances import BudgetTerms, Limits
from gateway.domain.key_acts import ListedKey
from gateway.domain.keyring import Holder, StoredKey
from gateway.domain.pricing import NANO_PER_USD

_KEY_HEADINGS: Final = ("ID", "KEY", "STATE", "TEAM", "APP", "TAGS", "MODELS", "LIMITS", "EXPIRES", "LAST USED (UTC)")
_HOLDER_HEADINGS: Final = ("TEAM", "APP", "STATE", "LIMITS")
_LONGEST: Final = 32
_TIMES: Final = ("created_at", "changed_at", "expires_at", "disabled_at", "revoked_at")
_SHORT: Final = {
    "requests_per_minute": "rpm",
    "requests_per_day": "rpd",
    "tokens_per_minute": "tpm",
    "tokens_per_day": "tpd",
    "concurrent": "concurrent",
}


def key_table(keys: Sequence[ListedKey], now_s: float) -> Iterator[str]:
    return table(_KEY_HEADINGS, [_key_cells(each, now_s) for each in keys], right_from=len(_KEY_HEADINGS))


def holder_table(holders: Sequence[Holder]) -> Iterator[str]:
    rows = [
        (
            printable(each.team, _LONGEST),
            printable(each.app, _LONGEST) or UNKNOWN,
            "active" if each.disabled_at is None else "disabled",
            allowance_text(each.limits, each.budgets),
        )
        for each in holders
    ]
    return table(_HOLDER_HEADINGS, rows, right_from=len(_HOLDER_HEADINGS))


def key_json(stored: StoredKey, now_s: float, **more: Any) -> str:
    """One line; times as ISO 8601."""
    fields = _with_times(msgspec.to_builtins(stored))
    return msgspec.json.encode({**fields, "state": stored.state(now_s), **more}).decode()


def listed_json(listed: ListedKey, now_s: float) -> str:
    return key_json(listed.key, now_s, last_used_at=_iso(listed.last_used_at))


def holder_json(holder: Holder) -> str:
    return msgspec.json.encode(_with_times(msgspec.to_builtins(holder))).decode()


def allowance_text(limits: Limits, budgets: tuple[BudgetTerms, ...]) -> str:
    """As the options write it: `rpm=60 month=500:soft`."""
    parts = [f"{short}={value}" for field, short in _SHORT.items() if (value := getattr(limits, field)) is not None]
    for terms in budgets:
        dollars = f"{Decimal(terms.limit_nano_usd) / NANO_PER_USD:f}"
        parts.append(f"{terms.period}={dollars}{'' if terms.is_hard else ':soft'}")
    return " ".join(parts) or UNKNOWN


def moment_text(at_s: float | None) -> str:
    return UNKNOWN if at_s is None else f"{datetime.fromtimestamp(at_s, UTC):%Y-%m-%d %H:%M}"


def _key_cells(listed: ListedKey, now_s: float) -> tuple[str, ...]:
    key = listed.key
    return (
        key.id,
        f"…{key.last4}",
        key.state(now_s),
        printable(key.team, _LONGEST) or UNKNOWN,
        printable(key.app, _LONGEST) or UNKNOWN,
        printable(",".join(key.tags), _LONGEST) or UNKNOWN,
        "all" if key.models is None else printable(",".join(key.models), _LONGEST),
        allowance_text(key.limits, key.budgets),
        moment_text(key.expires_at),
        moment_text(listed.last_used_at),
    )


def _with_times(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: _iso(value) if name in _TIMES else value for name, value in fields.items()}


def _iso(at_s: float | None) -> str | None:
    return None if at_s is None else datetime.fromtimestamp(at_s, UTC).isoformat()
