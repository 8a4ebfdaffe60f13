from gateway.domain.suggestion import did_you_mean


def test_the_nearest_known_name_is_suggested() -> None:
    assert did_you_mean("smal-first", ["large-only", "small-first"]) == "; did you mean 'small-first'?"


def test_where_none_is_near_the_known_ones_are_listed_in_order() -> None:
    assert did_you_mean("zzz", ["b", "a"]) == "; known: a, b"


def test_no_more_than_ten_are_listed() -> None:
    known = [f"route-{number:02}" for number in range(30)]

    assert did_you_mean("zzz", known) == f"; known: {', '.join(known[:10])}"


def test_where_nothing_is_known_there_is_nothing_to_say() -> None:
    assert did_you_mean("auto", []) == ""


def test_a_name_of_any_length_is_compared_by_its_beginning_only() -> None:
    assert did_you_mean("auto" * 1_000_000, ["auto"]) == "; known: auto"
