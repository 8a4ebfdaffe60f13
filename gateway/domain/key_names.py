"""What teams, applications, tags and the aliases of a key may be called."""

from collections import Counter
from typing import Final

from gateway.domain.allowances import BudgetTerms

LONGEST: Final = 64
MOST: Final = 100
_PARTS_AN_OWNER: Final = "/:"
_FIELDS: Final = {"tag": "tags", "model": "models"}


class KeyTermsError(ValueError):
    """What a key, a team or an application is to be cannot be. `field`: which of the terms is wrong."""

    def __init__(self, message: str, *, field: str) -> None:
        super().__init__(message)
        self.field = field


def check_name(what: str, name: str) -> None:
    """Raises KeyTermsError. `what` it names: "team", "app", "tag" or "model"."""
    field = _FIELDS.get(what, what)
    if not name or name != name.strip() or not name.isprintable():
        problem = "is no name: it is empty, or has spaces at an end or control characters"
        raise KeyTermsError(f"{what} {name!r} {problem}", field=field)
    if len(name) > LONGEST:
        raise KeyTermsError(f"{what} {name[:LONGEST]!r}… is longer than {LONGEST} characters", field=field)
    if what in ("team", "app") and any(mark in name for mark in _PARTS_AN_OWNER):
        problem = "has a '/' or ':' in it, which part a team from its applications"
        raise KeyTermsError(f"{what} {name!r} {problem}", field=field)


def check_names(*, team: str, app: str, tags: tuple[str, ...], models: tuple[str, ...] | None) -> None:
    """Raises KeyTermsError. A team and an application may be empty here: of none."""
    for what, name in (("team", team), ("app", app)):
        if name:
            check_name(what, name)
    for what, names in (("tag", tags), ("model", models or ())):
        if len(names) > MOST:
            raise KeyTermsError(f"a key has at most {MOST} {what}s, not {len(names)}", field=_FIELDS[what])
        for name in names:
            check_name(what, name)
    if models == ():
        message = "a key that may ask for no model is of no use: name one, or give no list for all"
        raise KeyTermsError(message, field="models")


def check_budgets(budgets: tuple[BudgetTerms, ...]) -> None:
    """Raises KeyTermsError where there are two of one period."""
    for period, number in Counter(terms.period for terms in budgets).items():
        if number > 1:
            raise KeyTermsError(f"{number} budgets a {period}: give one for each period", field="budgets")
