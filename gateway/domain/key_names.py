"""What teams, applications, tags and the aliases of a key may be called."""

from typing import Final

LONGEST: Final = 64
MOST: Final = 100
_PARTS_AN_OWNER: Final = "/:"


class KeyTermsError(ValueError):
    """What a key, a team or an application is to be cannot be."""


def check_name(what: str, name: str) -> None:
    """Raises KeyTermsError. `what` it names: "team", "app", "tag" or "model"."""
    if not name or name != name.strip() or not name.isprintable():
        raise KeyTermsError(f"{what} {name!r} is no name: it is empty, or has spaces at an end or control characters")
    if len(name) > LONGEST:
        raise KeyTermsError(f"{what} {name[:LONGEST]!r}… is longer than {LONGEST} characters")
    if what in ("team", "app") and any(mark in name for mark in _PARTS_AN_OWNER):
        raise KeyTermsError(f"{what} {name!r} has a '/' or ':' in it, which part a team from its applications")


def check_names(*, team: str, app: str, tags: tuple[str, ...], models: tuple[str, ...] | None) -> None:
    """Raises KeyTermsError. A team and an application may be empty here: of none."""
    for what, name in (("team", team), ("app", app)):
        if name:
            check_name(what, name)
    for what, names in (("tag", tags), ("model", models or ())):
        if len(names) > MOST:
            raise KeyTermsError(f"a key has at most {MOST} {what}s, not {len(names)}")
        for name in names:
            check_name(what, name)
    if models == ():
        raise KeyTermsError("a key that may ask for no model is of no use: name one, or give no list for all")
