"""The admin plane's keys, teams and applications. SQLAlchemy is imported when somebody first asks.

Every method blocks, and raises ActsUnavailableError where the database cannot be asked: then nothing was done.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

from msgspec import UNSET, UnsetType

from gateway.domain.acts import Actor
from gateway.domain.allowances import BudgetTerms, Limits
from gateway.domain.key_acts import Change, KeyStateError, KeyTerms, ListedKey, NewKey
from gateway.domain.keyring import Holder, StoredKey
from gateway.store.admin_engine import AdminEngine
from gateway.store.pepper import PEPPER_VARIABLE, Peppers

if TYPE_CHECKING:
    from sqlalchemy import Engine

_Done = TypeVar("_Done")


class KeyRegistry:
    """`peppers` None: none is given, and no key can be made. `now`: Unix time, in seconds."""

    def __init__(self, engine: AdminEngine, peppers: Peppers | None, *, now: Callable[[], float]) -> None:
        self._engine = engine
        self._peppers = peppers
        self._now = now

    def keys(self, *, team: str | None, app: str | None, after: str | None, limit: int) -> Sequence[ListedKey]:
        from gateway.store.key_listing import list_keys  # noqa: PLC0415 (see the module's docstring)

        return self._ask(lambda engine: list_keys(engine, team=team, app=app, after=after, limit=limit))

    def key(self, key_id: str) -> ListedKey:
        """Raises NoSuchKeyError."""
        from gateway.store.key_listing import find_key  # noqa: PLC0415

        return self._ask(lambda engine: find_key(engine, key_id))

    def teams(self, *, after: str | None, limit: int) -> Sequence[Holder]:
        from gateway.store.key_listing import list_teams  # noqa: PLC0415

        return self._ask(lambda engine: list_teams(engine, after=after, limit=limit))

    def apps(self, *, team: str | None, after: tuple[str, str] | None, limit: int) -> Sequence[Holder]:
        from gateway.store.key_listing import list_apps  # noqa: PLC0415

        return self._ask(lambda engine: list_apps(engine, team=team, after=after, limit=limit))

    def create(self, terms: KeyTerms, *, actor: Actor) -> NewKey:
        """Raises KeyTermsError, KeyStateError."""
        from gateway.store.key_admin import create_key  # noqa: PLC0415

        peppers = self._given_peppers()
        return self._ask(lambda engine: create_key(engine, peppers, terms, actor=actor, now_s=self._now()))

    def rotate(self, key_id: str, *, overlap_s: float, expires_at: float | UnsetType | None, actor: Actor) -> NewKey:
        """Raises NoSuchKeyError, KeyStateError, KeyTermsError."""
        from gateway.store.key_admin import rotate_key  # noqa: PLC0415

        peppers = self._given_peppers()
        return self._ask(
            lambda engine: rotate_key(
                engine,
                peppers,
                key_id,
                overlap_s=overlap_s,
                expires_at=expires_at,
                actor=actor,
                now_s=self._now(),
            )
        )

    def revoke(self, key_id: str, *, actor: Actor) -> Change[StoredKey]:
        """Raises NoSuchKeyError."""
        from gateway.store.key_admin import revoke_key  # noqa: PLC0415

        return self._ask(lambda engine: revoke_key(engine, key_id, actor=actor, now_s=self._now()))

    def disable(self, key_id: str, *, actor: Actor) -> Change[StoredKey]:
        """Raises NoSuchKeyError, KeyStateError."""
        from gateway.store.key_admin import disable_key  # noqa: PLC0415

        return self._ask(lambda engine: disable_key(engine, key_id, actor=actor, now_s=self._now()))

    def enable(self, key_id: str, *, actor: Actor) -> Change[StoredKey]:
        """Raises NoSuchKeyError, KeyStateError."""
        from gateway.store.key_admin import enable_key  # noqa: PLC0415

        return self._ask(lambda engine: enable_key(engine, key_id, actor=actor, now_s=self._now()))

    def set_key(
        self,
        key_id: str,
        *,
        limits: Limits | None = None,
        budgets: tuple[BudgetTerms, ...] | None = None,
        models: tuple[str, ...] | UnsetType | None = UNSET,
        actor: Actor,
    ) -> Change[StoredKey]:
        """What is not given stays as it is. Raises NoSuchKeyError, KeyStateError, KeyTermsError."""
        from gateway.store.key_admin import set_key  # noqa: PLC0415

        return self._ask(
            lambda engine: set_key(
                engine,
                key_id,
                limits=None if limits is None else lambda _: limits,
                budgets=budgets,
                models=models,
                actor=actor,
                now_s=self._now(),
            )
        )

    def set_holder(
        self,
        team: str,
        app: str = "",
        *,
        limits: Limits | None = None,
        budgets: tuple[BudgetTerms, ...] | None = None,
        is_disabled: bool | None = None,
        actor: Actor,
    ) -> Change[Holder]:
        """What is not given stays as it is. Raises KeyTermsError."""
        from gateway.store.holder_admin import set_holder  # noqa: PLC0415

        return self._ask(
            lambda engine: set_holder(
                engine,
                team,
                app,
                limits=None if limits is None else lambda _: limits,
                budgets=budgets,
                is_disabled=is_disabled,
                actor=actor,
                now_s=self._now(),
            )
        )

    def _given_peppers(self) -> Peppers:
        if self._peppers is None:
            raise KeyStateError(
                f"the gateway has no pepper to make keys with: set {PEPPER_VARIABLE}, and start it anew"
            )
        return self._peppers

    def _ask(self, work: "Callable[[Engine], _Done]") -> _Done:
        return self._engine.run(work)
