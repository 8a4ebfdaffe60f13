"""Who does what to keys, policies and the gateway itself: roles, actors, and what is written down of each act."""

from typing import Any, Final, Literal, get_args

from msgspec import Struct

Role = Literal["viewer", "operator", "admin"]
"""Each may what the one before it may, and more."""
Origin = Literal["admin", "cli"]
"""Where an act came from: the admin plane, or the command line."""
Act = Literal[
    "key.create",
    "key.rotate",
    "key.revoke",
    "key.disable",
    "key.enable",
    "key.set",
    "team.set",
    "app.set",
    "policies.reload",
    "log_level.set",
    "refused",
]
"""What may be written down. `refused`: somebody who is known asked for what is not theirs."""
ROLES: Final[tuple[Role, ...]] = get_args(Role)


class ActsUnavailableError(Exception):
    """The database cannot be asked now, and nothing was done. `why` is without the next step, which its text names."""

    def __init__(self, why: str) -> None:
        super().__init__(
            f"{why}; nothing was done. Try again; where it stays so, see that the database is up and upgraded"
            " (`sizewise db current`)"
        )
        self.why = why


class Actor(Struct, frozen=True, kw_only=True):
    """Who acts.

    name        of a credential of the admin plane, `local` where that has none, or of the operating system's user
    role        None on the command line: who has the database needs none
    request_id  of the admin plane's answer; None on the command line
    """

    name: str
    origin: Origin
    role: Role | None = None
    request_id: str | None = None


class Effect(Struct, frozen=True, kw_only=True):
    """What an act changed, in plain values. `before` None: there was nothing."""

    before: Any = None
    after: Any = None


class AuditEntry(Struct, frozen=True, kw_only=True):
    """One act as it was written down.

    at      Unix time, in seconds
    target  what it was done to, such as `key:0123456789` or `team:claims`
    """

    id: int
    at: float
    actor: str
    origin: Origin
    role: Role | None
    act: Act
    target: str
    before: Any
    after: Any
    request_id: str | None


def is_enough(role: Role, least: Role) -> bool:
    """Whether who has the role may do what takes at least `least`."""
    return ROLES.index(role) >= ROLES.index(least)
