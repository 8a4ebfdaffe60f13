"""The admin plane's view of the audit. SQLAlchemy is imported when somebody first asks. Every method blocks."""

import logging
from collections.abc import Callable, Sequence
from datetime import datetime

from msgspec import to_builtins

from gateway.domain.acts import Act, Actor, ActsUnavailableError, AuditEntry, Effect
from gateway.store.admin_engine import AdminEngine

logger = logging.getLogger(__name__)


class AuditLog:
    """`now`: Unix time, in seconds."""

    def __init__(self, engine: AdminEngine, *, now: Callable[[], float]) -> None:
        self._engine = engine
        self._now = now

    def entries(
        self,
        *,
        limit: int,
        since: datetime | None,
        actor: str | None,
        act: Act | None,
        target: str | None,
        before_id: int | None,
    ) -> Sequence[AuditEntry]:
        """The latest first. Raises ActsUnavailableError."""
        from gateway.store.audit import list_entries  # noqa: PLC0415 (see the module's docstring)

        return self._engine.run(
            lambda engine: list_entries(
                engine, limit=limit, since=since, actor=actor, act=act, target=target, before_id=before_id
            )
        )

    def carry_out(self, actor: Actor, act: Act, target: str, work: Callable[[], Effect | None]) -> Effect | None:
        """Do what is no matter of the database, and write it down; None: nothing came of it, and nothing is written.

        It does not wait for the database to be up: who puts a good policy back, or wants to see more of the log, may
        do so because the database is down. What the audit then lacks stands in the gateway's log, as an error.
        """
        effect = work()
        if effect is not None:
            self._note(actor, act, target, effect)
        return effect

    def refused(self, actor: Actor, target: str, *, needs: str) -> None:
        """Write down that somebody who is known asked for what is not theirs."""
        self._note(actor, "refused", target, Effect(after={"needs": needs}))

    def _note(self, actor: Actor, act: Act, target: str, effect: Effect) -> None:
        from gateway.store.audit import note  # noqa: PLC0415

        now_s = self._now()
        try:
            self._engine.run(lambda engine: note(engine, actor, act, target, effect, now_s=now_s))
        except ActsUnavailableError as error:
            told = {"act": act, "target": target, **to_builtins(actor), **to_builtins(effect)}
            logger.error("an act is not in the audit: %s", error.why, extra={"audit": told})  # noqa: TRY400 - told whole
