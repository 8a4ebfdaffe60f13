"""What a conversation's past says of its next request: its deployment stays, unless a new ask needs more or pays.

A constraint overrules all of it.
"""

from collections.abc import Sequence

from gateway.domain.estimate import estimated_cost
from gateway.domain.exclusions import NEVER_DOWN, Notes
from gateway.domain.facts import Facts
from gateway.domain.policy import Deployment, Match, Policy
from gateway.domain.pricing import usd
from gateway.domain.session import Session


def remembers(policy: Policy, facts: Facts, session: Session) -> bool:
    """Whether the policy has something to go by: the session was decided lately, by a route the policy has."""
    affinity = policy.affinity
    return affinity.is_on and session.route in policy.routes and facts.at_s - session.seen_at_s <= affinity.idle_s


def keeps_turn(match: Match, facts: Facts, session: Session) -> bool:
    """Whether the session's choice stands: no human asked since, and no constraint or rule on loops objects.

    A rule that would move a loop down is not listened to.
    """
    if not facts.signals.tool_loop or _is_barred(match, session):
        return False
    rule = match.rule
    if rule is None or not rule.is_about_loops:
        return True
    return rule.route is not None and all(each.rank < session.rank for each in (*rule.route.first, *rule.route.then))


def settled(
    plan: Sequence[Deployment], policy: Policy, match: Match, facts: Facts, notes: Notes
) -> Sequence[Deployment]:
    """The plan with the deployment of the session, if there is one, in its place.

    Inside a tool loop nothing of a lower tier is left, unless a constraint bars the session's own deployment.
    """
    session = facts.session
    if session is None:
        return plan
    if facts.signals.tool_loop and not _is_barred(match, session):
        plan = _never_down(plan, session, notes)
    place = next((place for place, each in enumerate(plan) if each.name == session.deployment), 0)
    if place == 0:
        return plan
    kept, first = plan[place], plan[0]
    if first.rank > kept.rank:
        notes.reasons.append(f"session: moves up from {kept.name!r} to {first.name!r}")
        return plan
    is_bound = facts.signals.tool_loop or (match.rule is not None and match.rule.route is None)
    if not is_bound and _pays(kept, first, policy.affinity.cache_s, facts, notes):
        return plan
    return [kept, *plan[:place], *plan[place + 1 :]]


def _is_barred(match: Match, session: Session) -> bool:
    return any(session.deployment not in each.permitted for each in match.constraints)


def _never_down(plan: Sequence[Deployment], session: Session, notes: Notes) -> Sequence[Deployment]:
    lower = [each.name for each in plan if each.rank < session.rank]
    if not lower:
        return plan
    notes.excluded.update(dict.fromkeys(lower, f"{NEVER_DOWN}: never below tier {session.tier!r}"))
    return [each for each in plan if each.rank >= session.rank]


def _pays(kept: Deployment, new: Deployment, cache_s: float, facts: Facts, notes: Notes) -> bool:
    """Whether the next answer is cheaper from the new deployment, which has nothing of the prompt in its cache."""
    session = facts.session
    is_warm = session is not None and facts.at_s - session.seen_at_s <= cache_s
    cached = session.prefix_tokens if session is not None and is_warm else 0
    stay = estimated_cost(kept, facts.signals, cached_tokens=cached, at_s=facts.at_s)
    move = estimated_cost(new, facts.signals, at_s=facts.at_s)
    if stay is None or move is None:
        why = f"stays with {kept.name!r}: without both prices nothing shows that {new.name!r} pays"
    elif move < stay:
        why = f"moves from {kept.name!r} to {new.name!r}, about ${usd(move)} against ${usd(stay)}"
    else:
        why = f"stays with {kept.name!r}, about ${usd(stay)} against ${usd(move)} with the prompt cache lost"
    notes.reasons.append(f"session: {why}")
    return stay is not None and move is not None and move < stay
