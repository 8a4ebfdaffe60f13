import pytest

from gateway.policyfile.problems import MOST_PROBLEMS, Place, PolicyError, Problems, did_you_mean


def test_a_problem_prints_its_place_its_path_its_message_and_its_suggestion() -> None:
    problems = Problems()
    problems.add(Place("policies/default.yaml", 14, 7), "policy 'default', rule 3", "unknown route 'x'", "write one")

    with pytest.raises(PolicyError) as caught:
        problems.raise_if_any()

    expected = "policies/default.yaml:14:7: policy 'default', rule 3: unknown route 'x'; write one"
    assert str(caught.value) == expected


def test_problems_come_in_the_order_of_the_files_one_a_line() -> None:
    problems = Problems()
    problems.add(Place("b.yaml", 2, 1), "", "second")
    problems.add(Place("b.yaml", 1, 9), "", "first")
    problems.add(Place("a.yaml"), "", "zeroth")

    with pytest.raises(PolicyError) as caught:
        problems.raise_if_any()

    assert str(caught.value) == "a.yaml: zeroth\nb.yaml:1:9: first\nb.yaml:2:1: second"


def test_nothing_is_raised_where_nothing_is_wrong() -> None:
    problems = Problems()

    problems.raise_if_any()

    assert len(problems) == 0


def test_only_a_near_word_is_suggested() -> None:
    assert did_you_mean("smal-first", ["small-first", "large-only"]) == "did you mean 'small-first'?"
    assert did_you_mean("zebra", ["small-first", "large-only"]) is None


def test_the_same_problem_is_told_once() -> None:
    problems = Problems()

    for _ in range(MOST_PROBLEMS):
        problems.add(Place("a.yaml", 1, 1), "", "wrong")

    assert [str(problem) for problem in problems] == ["a.yaml:1:1: wrong"]


def test_after_more_problems_than_anybody_reads_the_rest_is_not_looked_for() -> None:
    problems = Problems()
    for line in range(1, MOST_PROBLEMS):
        problems.add(Place("a.yaml", line, 1), "", "wrong")

    with pytest.raises(PolicyError) as caught:
        problems.add(Place("a.yaml", MOST_PROBLEMS, 1), "", "wrong")

    assert len(caught.value.problems) == MOST_PROBLEMS


def test_of_many_names_only_those_of_about_that_length_are_compared() -> None:
    names = [f"a-much-longer-name-{number}" for number in range(6_000)]

    assert did_you_mean("smal", [*names, "small"]) == "did you mean 'small'?"


def test_a_word_that_nobody_wrote_by_hand_is_not_compared() -> None:
    assert did_you_mean("x" * 200_000, ["x" * 200_001]) is None


def test_after_many_suggestions_a_load_makes_no_more() -> None:
    problems = Problems()

    suggestions = [problems.did_you_mean("smal", ["small"]) for _ in range(60)]

    assert suggestions == ["did you mean 'small'?"] * 50 + [None] * 10
