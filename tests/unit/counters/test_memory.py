from gateway.counters.memory import MemorySessions
from tests.builders import a_session


def test_a_session_is_found_as_it_was_last_kept() -> None:
    sessions = MemorySessions()
    sessions.keep("s", a_session("small-a"))
    sessions.keep("s", a_session("large-a"))

    assert sessions.find("s") == a_session("large-a")
    assert sessions.find("another") is None


def test_keeping_a_session_lifts_no_restriction_of_it() -> None:
    sessions = MemorySessions()
    sessions.restrict("s", ("personal",), 5.0)
    sessions.keep("s", a_session("large-a"))

    assert sessions.find("s") == a_session("large-a", sensitive=("personal",), sensitive_at_s=5.0)


def test_the_session_not_used_for_longest_is_forgotten_first() -> None:
    sessions = MemorySessions(most=2)
    for key in ("one", "two", "one", "three"):
        sessions.keep(key, a_session())

    assert [sessions.find(key) is not None for key in ("one", "two", "three")] == [True, False, True]


def test_no_number_of_other_sessions_lifts_a_restriction() -> None:
    sessions = MemorySessions(most=2)
    sessions.restrict("s", ("personal",), 5.0)
    for number in range(10):
        sessions.keep(f"other-{number}", a_session())

    kept = sessions.find("s")
    assert kept is not None
    assert kept.sensitive == ("personal",)


def test_a_session_that_is_looked_up_is_in_use() -> None:
    sessions = MemorySessions(most=2)
    for key in ("one", "two"):
        sessions.keep(key, a_session())

    sessions.find("one")
    sessions.keep("three", a_session())

    assert [sessions.find(key) is not None for key in ("one", "two", "three")] == [True, False, True]
