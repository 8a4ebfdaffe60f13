import pytest

from gateway.policyfile.problems import Place, PolicyError, Problems, did_you_mean


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
