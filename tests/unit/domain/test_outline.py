from gateway.domain.outline import Clause, Outline, outline_of, passed_over
from gateway.domain.policy import Constraint, Rule
from tests.builders import a_deployment, a_policy, a_record, a_route, always

_HOME = "constraint 'home': only labels.residency == \"on_prem\""
_OUTLINE = Outline(
    policy="default",
    version="v1",
    threshold=0.6,
    default="large-only",
    constraints=(Clause("home", "signals.personal", "labels.x"), Clause("eu", "request.eu", "labels.eu")),
    rules=(
        Clause("agents", "signals.tool_loop", "sticky"),
        Clause("easy goes small", "classification.small_ok > 0.6", "small-first"),
        Clause("late", "time.hour > 20", "small-first"),
    ),
)


def test_the_outline_has_every_condition_in_its_order() -> None:
    route = a_route("large-only", a_deployment("large-a"))
    policy = a_policy(
        rules=(Rule(name="agents", when=always("signals.tool_loop"), route=None),),
        constraints=(Constraint(name="home", when=always("true"), requires="labels.x == 1", permitted=frozenset()),),
        default=route,
    )

    found = outline_of(policy)

    assert found.rules == (Clause("agents", "signals.tool_loop", "sticky"),)
    assert found.constraints == (Clause("home", "true", "labels.x == 1"),)
    assert (found.policy, found.version, found.default) == (policy.name, policy.version, "large-only")


def test_what_held_and_what_comes_after_the_choice_is_not_passed_over() -> None:
    record = a_record(rule="easy goes small", reasons=(_HOME, "rule 'easy goes small': classification.small_ok > 0.6"))

    assert list(passed_over(record, _OUTLINE)) == [
        "  constraint 'eu' did not hold: request.eu",
        "  rule 'agents' did not match: signals.tool_loop",
    ]


def test_where_the_default_chose_no_rule_matched() -> None:
    record = a_record(rule="default", reasons=(_HOME, "no rule matched"))

    assert len([line for line in passed_over(record, _OUTLINE) if line.startswith("  rule ")]) == 3


def test_where_the_session_chose_no_rule_was_asked_anew() -> None:
    reasons = ("session: nothing new was asked since rule 'easy goes small' chose route 'small-first'",)

    assert not any("rule" in line for line in passed_over(a_record(reasons=reasons), _OUTLINE))
