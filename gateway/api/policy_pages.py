"""`/admin/policies` and `/admin/policy`: which policies are in force, how they stand, and their reload."""

from collections.abc import Sequence
from typing import Any, Protocol

from fastapi import APIRouter, HTTPException
from fastapi.responses import JSONResponse

from gateway.api.access import Acting, needs
from gateway.api.admin_errors import Responses
from gateway.api.log_level_pages import Acts
from gateway.domain.acts import Effect
from gateway.domain.policy import KeepText, Policy, PolicySet
from gateway.ports import PolicySource


class Refusal(Protocol):
    """Files that were not put in force; times are Unix seconds."""

    @property
    def version(self) -> str: ...
    @property
    def since_s(self) -> float: ...
    @property
    def problems(self) -> Sequence[str]: ...


class PolicyStatus(Protocol):
    """How the policies stand; times are Unix seconds."""

    @property
    def since_s(self) -> float: ...
    @property
    def reloads_ok(self) -> int: ...
    @property
    def reloads_failed(self) -> int: ...
    @property
    def refused(self) -> Refusal | None: ...


class PolicyFiles(Protocol):
    """Where the policies come from; `try_reload` blocks, and is called on a worker thread."""

    def status(self) -> PolicyStatus: ...
    def try_reload(self) -> bool:
        """Whether the files' present state is in force now."""
        ...


def policy_pages(policies: PolicySource, files: PolicyFiles | None, acts: Acts) -> APIRouter:
    """The routes. `files`: what can be reloaded; None: the policies come from elsewhere."""
    pages = APIRouter(tags=["policies"])
    refused: Responses = {409: {"description": "The files were refused; or there are none, and `detail` says so"}}

    @pages.get("/admin/policies")
    @needs("viewer")
    def policies_in_force() -> dict[str, Any]:
        """The policy set in force, each policy with its rules in order."""
        return _outlines(policies.current())

    @pages.get("/admin/policy")
    @needs("viewer")
    def policy_status() -> dict[str, Any]:
        """The policy set in force, since when, and what is wrong with the files where they were refused."""
        return _state(policies, files)

    @pages.get("/admin/policy/rollouts")
    @needs("viewer")
    def rollouts() -> dict[str, Any]:
        """The policies that are being rolled out: how far, and beside which policy, for each alias."""
        return _rollouts(policies.current())

    @pages.post("/admin/policy/reload", responses=refused)
    @needs("operator")
    def reload_policies(actor: Acting) -> JSONResponse:
        """Put the files' present state in force: 200 with the status, or 409 where it was refused."""
        if files is None:
            raise HTTPException(409, "the policies in force come from no files")

        def work() -> Effect | None:
            before = policies.current()
            if not files.try_reload():
                return None
            return Effect(before=_versions(before), after=_versions(policies.current()))

        effect = acts.carry_out(actor, "policies.reload", "policies", work)
        return JSONResponse(_state(policies, files), 409 if effect is None else 200)

    return pages


def _rollouts(current: PolicySet) -> dict[str, Any]:
    return {
        "version": current.version,
        "rollouts": [
            {
                "policy": policy.name,
                "version": policy.version,
                "mode": policy.rollout.mode,
                "share": policy.rollout.share,
                "beside": {alias: current.serving(alias).name for alias in policy.serves},
            }
            for policy in current.policies
            if policy.rollout.mode != "on"
        ],
    }


def _versions(current: PolicySet) -> dict[str, Any]:
    return {"version": current.version, "policies": {policy.name: policy.version for policy in current.policies}}


def _state(policies: PolicySource, files: PolicyFiles | None) -> dict[str, Any]:
    status = None if files is None else files.status()
    refused = None if status is None else status.refused
    return {
        **_outlines(policies.current()),
        "since_s": None if status is None else status.since_s,
        "reloads": None if status is None else {"ok": status.reloads_ok, "failed": status.reloads_failed},
        "refused": None
        if refused is None
        else {"version": refused.version, "since_s": refused.since_s, "problems": list(refused.problems)},
    }


def _outlines(current: PolicySet) -> dict[str, Any]:
    return {"version": current.version, "policies": [_outline(policy) for policy in current.policies]}


def _outline(policy: Policy) -> dict[str, Any]:
    return {
        "name": policy.name,
        "version": policy.version,
        "serves": policy.serves,
        "rollout": {"mode": policy.rollout.mode, "share": policy.rollout.share},
        "keep_text": _keep_text(policy.keep_text),
        "threshold": policy.threshold,
        "baseline": None if policy.baseline is None else policy.baseline.name,
        "constraints": [
            {"name": each.name, "when": each.when.source, "require": each.requires} for each in policy.constraints
        ],
        "rules": [{"name": each.name, "when": each.when.source, "route": each.goes_to} for each in policy.rules],
        "default": policy.default.name,
    }


def _keep_text(keep: KeepText | None) -> dict[str, Any] | None:
    if keep is None:
        return None
    teams = "all" if keep.teams is None else sorted(keep.teams)
    return {"teams": teams, "days": keep.days, "answers": keep.answers, "max_bytes": keep.max_bytes}
