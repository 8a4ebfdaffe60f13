"""The admin plane's view of the audit. SQLAlchemy is imported when somebody first asks. Every method blocks."""

import logging
from collections.abc import Callable, Sequence
from datetime import datetime

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
        """Do what is no matter of the database, and write it down; None: nothing came of it.

        Raises ActsUnavailableError: where nothing is written down, nothing is done.
        """
        from gateway.store.audit import carry_out  # noqa: PLC0415

        return self._engine.run(lambda engine: carry_out(engine, actor, act, target, work, now_s=self._now()))

    def refused(self, actor: Actor, target: str, *, needs: str) -> None:
        """Write down that somebody who is known asked for what is not theirs; where that fails, the log has it."""
        try:
            self.carry_out(actor, "refused", target, lambda: Effect(after={"needs": needs}))
        except ActsUnavailableError as error:
            logger.warning("refused %s to %r, which the audit does not have: %s", target, actor.name, error)
