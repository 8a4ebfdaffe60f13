"""A conversation across its requests: how it is known again, and what is remembered of it. Never its text."""

from hashlib import blake2b
from typing import get_args

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from gateway.domain.asks import human_part
from gateway.domain.request import Caller, ChatRequest
from gateway.domain.sensitivity import Kind, highest
from gateway.domain.signals import Signals

KINDS: tuple[Kind, ...] = get_args(Kind)
_KEY_BYTES = 12
_METADATA_KEY = "session_id"
_UNNAMED_STAYS_SENSITIVE_S = 3_600.0


class Session(Struct, frozen=True, kw_only=True):
    """What is remembered of a conversation.

    rule, route       what decided its last human turn
    deployment, tier  who answered last; empty where nobody has yet
    rank              the tier's place, 0 for the smallest
    sensitive         every kind of sensitive content it was known to hold
    sensitive_at_s    Unix time such content last came, in seconds
    prefix_tokens     tokens the deployment has seen, which its prompt cache may hold
    seen_at_s         Unix time of its last request, in seconds
    """

    rule: str
    route: str
    deployment: str = ""
    tier: str = ""
    rank: int = 0
    sensitive: tuple[Kind, ...] = ()
    sensitive_at_s: float = 0.0
    prefix_tokens: int = 0
    seen_at_s: float = 0.0


def session_key(request: ChatRequest, caller: Caller, named: str = "") -> str:
    """24 hex digits that stand for the conversation, the same for each of its requests; no two keys share one.

    named  the client's own id of the conversation; without one its beginning stands for it: system prompt, tools and
           the first words of a human
    """
    digest = blake2b(caller.key_id.encode(), digest_size=_KEY_BYTES)
    if named:
        digest.update(b"\0named\0" + named.encode("utf-8", "surrogatepass"))
        return digest.hexdigest()
    if request.tools:
        offered = [request.payload.get(name) for name in ("tools", "functions")]
        digest.update(b"\0tools\0" + msgspec.json.encode(offered))
    for message in request.messages:
        if message.role == "system":
            digest.update(b"\0system\0" + message.text.encode("utf-8", "surrogatepass"))
        elif message.role == "user" and (asked := human_part(message.text)):
            digest.update(b"\0user\0" + asked.encode("utf-8", "surrogatepass"))
            return digest.hexdigest()
    # Nobody wrote anything: what it begins with, a picture perhaps, stands for it.
    digest.update(b"\0start\0" + msgspec.json.encode((request.payload.get("messages") or ())[:1]))
    return digest.hexdigest()


def draw_of(text: str) -> float:
    """A number in [0, 1) that the text always gives: a fair draw where texts are ids."""
    digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=7).digest()
    return int.from_bytes(digest, "big") / 2**56


def named_in(request: ChatRequest) -> str:
    """The session's id in the body's `metadata`; empty where there is none."""
    return request.metadata.get(_METADATA_KEY, "") if "metadata" in request.payload else ""


def is_begun(request: ChatRequest) -> bool:
    """Whether anything was answered yet: the first request of a conversation has no past to keep to."""
    return any(message.role in ("assistant", "tool") for message in request.messages)


def carried(signals: Signals, session: Session | None, *, at_s: float, is_named: bool) -> Signals:
    """The signals, with what the session held before: once sensitive, it stays so though the client forgets.

    Where its beginning alone stands for a session, others may begin alike: their content counts for an hour.
    """
    if session is None or not session.sensitive or session.sensitive == signals.sensitive:
        return signals
    if not is_named and at_s - session.sensitive_at_s > _UNNAMED_STAYS_SENSITIVE_S:
        return signals
    kinds = _all_of(signals.sensitive, session.sensitive)
    return replace(signals, sensitive=kinds, sensitivity=highest(kinds))


def restricted(session: Session | None, kinds: tuple[Kind, ...], at_s: float) -> Session:
    """The session, now known to hold content of these kinds too."""
    known = session or _UNDECIDED
    return replace(known, sensitive=_all_of(known.sensitive, kinds), sensitive_at_s=at_s)


def continued(before: Session | None, session: Session) -> Session:
    """What is remembered from now on: who served it now, and what it was known to hold before."""
    if before is None or not before.sensitive:
        return session
    return replace(session, sensitive=before.sensitive, sensitive_at_s=before.sensitive_at_s)


def _all_of(some: tuple[Kind, ...], others: tuple[Kind, ...]) -> tuple[Kind, ...]:
    return tuple(kind for kind in KINDS if kind in some or kind in others)


_UNDECIDED = Session(rule="", route="")
