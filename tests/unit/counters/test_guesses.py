import tracemalloc

from gateway.counters.guesses import MemoryGuesses
from gateway.domain.guesses import WINDOW_S


def test_each_network_has_its_own_count() -> None:
    guesses = MemoryGuesses(per_network=2)

    waits = [guesses.failed("a", 0.0), guesses.failed("a", 0.0), guesses.failed("b", 0.0), guesses.failed("a", 10.0)]

    assert waits == [None, None, None, WINDOW_S - 10.0]


def test_all_networks_together_have_one_too() -> None:
    guesses = MemoryGuesses(in_all=3)

    waits = [guesses.failed(str(number), 0.0) for number in range(5)]

    assert waits == [None, None, None, WINDOW_S, WINDOW_S]


def test_the_count_begins_anew_once_the_window_is_over() -> None:
    guesses = MemoryGuesses(per_network=1)

    waits = [guesses.failed("a", at_s) for at_s in (0.0, 1.0, WINDOW_S, WINDOW_S + 1)]

    assert waits == [None, WINDOW_S - 1, None, WINDOW_S - 1]


def test_the_longer_of_two_waits_is_told() -> None:
    guesses = MemoryGuesses(per_network=1, in_all=2)
    guesses.failed("b", 0.0)

    waits = [guesses.failed("a", 30.0), guesses.failed("a", 30.0)]

    assert waits == [None, WINDOW_S]


def test_however_many_networks_guess_the_memory_is_bounded_and_the_busiest_is_kept() -> None:
    guesses = MemoryGuesses(per_network=1, in_all=10**9, most_networks=100)
    tracemalloc.start()
    try:
        for number in range(20_000):
            guesses.failed(str(number), 0.0)
            guesses.failed("busy", 0.0)
        used = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()

    assert len(guesses) == 100
    assert used < 100_000
    assert guesses.failed("busy", 1.0) == WINDOW_S - 1
