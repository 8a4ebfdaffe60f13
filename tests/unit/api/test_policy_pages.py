from dataclasses import replace

from fastapi import FastAPI
from msgspec.structs import replace as changed

from gateway.api.policy_pages import policy_pages
from gateway.domain.policy import Constraint, Policy, PolicySet, Rule
from gateway.domain.rollout import Rollout
from gateway.policyfile.loader import PolicyStatus, Refusal
from tests.admin import ask
from tests.builders import a_deployment, a_policy, a_route, always
from tests.unit.api.admin_app import Acts, application
from tests.unit.api.asgi_client import FixedPolicies


class Files:
    """`PolicyFiles` that takes the next state, or refuses it."""

    def __init__(self, *, is_good: bool) -> None:
        self._is_good = is_good
        self._status = PolicyStatus(version="v1", since_s=1_790_000_000.0)

    def status(self) -> PolicyStatus:
        return self._status

    def try_reload(self) -> bool:
        refusal = Refusal(version="v2", since_s=1_790_000_100.0, problems=("p.yaml:1:1: wrong",))
        if self._is_good:
            self._status = replace(self._status, reloads_ok=1)
        else:
            self._status = replace(self._status, reloads_failed=1, refused=refusal)
        return self._is_good


class Held:
    """`PolicySource` of a set."""

    def __init__(self, policies: PolicySet) -> None:
        self._policies = policies

    def current(self) -> PolicySet:
        return self._policies


def _policy() -> Policy:
    route = a_route("large-only", a_deployment("large-a"))
    return a_policy(
        baseline=a_deployment("large-a"),
        rules=(Rule(name="agents", when=always("signals.tool_loop"), route=route),),
        constraints=(Constraint(name="home", when=always("true"), requires="labels.x == 1", permitted=frozenset()),),
    )


def _app(files: Files | None = None, acts: Acts | None = None) -> FastAPI:
    return application(policy_pages(FixedPolicies(_policy()), files, acts or Acts()))


def test_a_policy_is_outlined_in_its_own_words() -> None:
    assert ask(_app(), "GET", "/admin/policies").json() == {
        "version": "v1",
        "policies": [
            {
                "name": "default",
                "version": "v1",
                "serves": ["auto"],
                "rollout": {"mode": "on", "share": 0.0},
                "keep_text": None,
                "threshold": 0.6,
                "baseline": "large-a",
                "constraints": [{"name": "home", "when": "true", "require": "labels.x == 1"}],
                "rules": [{"name": "agents", "when": "signals.tool_loop", "route": "large-only"}],
                "default": "small-first",
            }
        ],
    }


def test_a_policy_set_that_came_from_no_files_has_no_reloads() -> None:
    app, acts = _app(), Acts()
    page = ask(app, "GET", "/admin/policy").json()
    reloaded = ask(app, "POST", "/admin/policy/reload")

    assert (page["version"], page["since_s"], page["reloads"], page["refused"]) == ("v1", None, None, None)
    assert page["policies"] == ask(app, "GET", "/admin/policies").json()["policies"]
    assert (reloaded.status, acts.done) == (409, [])
    assert b"come from no files" in reloaded.body


def test_a_reload_that_goes_well_answers_with_the_status_and_is_written_down() -> None:
    acts = Acts()

    reloaded = ask(_app(Files(is_good=True), acts), "POST", "/admin/policy/reload")

    page = reloaded.json()
    assert reloaded.status == 200
    assert (page["version"], page["since_s"], page["reloads"]) == ("v1", 1_790_000_000.0, {"ok": 1, "failed": 0})
    assert page["refused"] is None
    ((who, act, target, effect),) = acts.done
    assert (who, act, target) == ("local", "policies.reload", "policies")
    assert effect.before == effect.after == {"version": "v1", "policies": {"default": "v1"}}


def test_files_that_are_refused_are_a_conflict_with_every_problem_and_no_act() -> None:
    acts = Acts()
    app = _app(Files(is_good=False), acts)

    reloaded = ask(app, "POST", "/admin/policy/reload")
    page = ask(app, "GET", "/admin/policy")

    assert reloaded.status == 409
    assert reloaded.json()["refused"] == {
        "version": "v2",
        "since_s": 1_790_000_100.0,
        "problems": ["p.yaml:1:1: wrong"],
    }
    assert (page.status, page.body) == (200, reloaded.body)
    assert acts.done == []


def test_what_is_being_rolled_out_is_told_with_what_it_stands_beside() -> None:
    live = _policy()
    canary = changed(live, name="next", version="v2", rollout=Rollout(mode="canary", share=0.1))
    policies = PolicySet(
        version="v2",
        deployments={},
        routes={},
        policies=(live, canary),
        by_alias={"auto": live},
        candidates={"auto": canary},
    )

    page = ask(application(policy_pages(Held(policies), None, Acts())), "GET", "/admin/policy/rollouts").json()

    told = {"policy": "next", "version": "v2", "mode": "canary", "share": 0.1, "beside": {"auto": "default"}}
    assert page == {"version": "v2", "rollouts": [told]}
