"""Counters of a single process, in memory."""

from collections import OrderedDict

from gateway.domain.sensitivity import Kind
from gateway.domain.session import Session, continued, restricted

MOST_SESSIONS = 20_000
"""Some 10 MB; the one not used for longest is forgotten first."""


class MemorySessions:
    """`Sessions` of one process: the latest `most`, and as many with sensitive content, which no other displaces."""

    def __init__(self, most: int = MOST_SESSIONS) -> None:
        self._most = most
        self._plain: OrderedDict[str, Session] = OrderedDict()
        self._restricted: OrderedDict[str, Session] = OrderedDict()

    def find(self, key: str) -> Session | None:
        for sessions in (self._restricted, self._plain):
            if (session := sessions.get(key)) is not None:
                sessions.move_to_end(key)
                return session
        return None

    def keep(self, key: str, session: Session) -> None:
        before = self._restricted.get(key)
        self._put(self._plain if before is None else self._restricted, key, continued(before, session))

    def restrict(self, key: str, kinds: tuple[Kind, ...], at_s: float) -> None:
        before = self._restricted.get(key) or self._plain.pop(key, None)
        self._put(self._restricted, key, restricted(before, kinds, at_s))

    def _put(self, sessions: OrderedDict[str, Session], key: str, session: Session) -> None:
        sessions[key] = session
        sessions.move_to_end(key)
        if len(sessions) > self._most:
            sessions.popitem(last=False)
