from tests.builders import a_session, some_facts


def test_without_a_session_nobody_served_it() -> None:
    facts = some_facts()

    assert (facts.has_session, facts.session_deployment, facts.session_tier) == (False, "", "")


def test_a_session_tells_who_served_it() -> None:
    facts = some_facts(session=a_session("large-a", tier="large"))

    assert (facts.has_session, facts.session_deployment, facts.session_tier) == (True, "large-a", "large")
