from gateway.domain.guesses import WINDOW_S, Window, after_one_more, wait_s


def test_the_first_begins_a_window_that_the_others_fall_into() -> None:
    first = after_one_more(None, 100.0)
    second = after_one_more(first, 100.0 + WINDOW_S - 1)

    assert (first, second) == (Window(from_s=100.0, count=1), Window(from_s=100.0, count=2))


def test_a_window_that_is_over_is_forgotten() -> None:
    assert after_one_more(Window(from_s=0.0, count=99), WINDOW_S) == Window(from_s=WINDOW_S, count=1)


def test_one_too_many_waits_until_the_window_is_over() -> None:
    assert wait_s(Window(from_s=0.0, count=3), 3, 20.0) is None
    assert wait_s(Window(from_s=0.0, count=4), 3, 20.0) == WINDOW_S - 20.0
