"""A policy version on its way into force: decided beside the one in force, then for a share of the sessions."""

from typing import Literal

from msgspec import Struct

Mode = Literal["on", "shadow", "canary"]


class Rollout(Struct, frozen=True, kw_only=True):
    """How far a policy has come.

    on      it decides
    shadow  it is asked beside the policy in force, and recorded; nothing acts on it
    canary  it decides for `share` (0 to 1) of the sessions, always the same ones; for the others it is a shadow
    """

    mode: Mode = "on"
    share: float = 0.0

    def takes(self, draw: float) -> bool:
        """Whether the session with this draw, in [0, 1), is decided by the policy."""
        return self.mode == "on" or (self.mode == "canary" and draw < self.share)


ON = Rollout()


class Beside(Struct, frozen=True, kw_only=True):
    """What the other of two policies would have decided, where one is being rolled out.

    was_candidate  the other is the one being rolled out; else it is the one in force, and the candidate decided
    deployment     the first it would have tried; None: it would have refused the request
    differs        it would have tried another deployment first
    """

    policy: str
    policy_version: str
    mode: Mode
    was_candidate: bool
    rule: str
    route: str
    deployment: str | None
    differs: bool
