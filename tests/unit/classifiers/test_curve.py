import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.classifiers.curve import Curve
from gateway.classifiers.model_file import load_prior

STEPS = st.lists(st.tuples(st.integers(1, 300), st.integers(1, 300)), min_size=1, max_size=16)
HUNDREDTHS = st.integers(-3_000, 3_000)


def a_curve() -> Curve:
    return Curve(scores=(-1.0, 0.0, 2.0), log_odds=(-3.0, 0.5, 1.0))


def curve_of(steps: list[tuple[int, int]]) -> Curve:
    scores, log_odds = [-10.0], [-8.0]
    for along, up in steps:
        scores.append(scores[-1] + along / 100)
        log_odds.append(log_odds[-1] + up / 100)
    return Curve(scores=tuple(scores), log_odds=tuple(log_odds))


@given(score=st.floats(-50, 50))
def test_without_knots_it_is_the_score_itself(score: float) -> None:
    assert Curve().at(score) == score


@pytest.mark.parametrize(("score", "log_odds"), [(-1.0, -3.0), (0.0, 0.5), (2.0, 1.0)])
def test_at_a_knot_it_is_what_came_there(score: float, log_odds: float) -> None:
    assert a_curve().at(score) == log_odds


@pytest.mark.parametrize(("score", "log_odds"), [(-0.5, -1.25), (-0.8, -2.3), (1.0, 0.75), (0.5, 0.625)])
def test_between_knots_it_is_a_straight_line(score: float, log_odds: float) -> None:
    assert a_curve().at(score) == pytest.approx(log_odds)


@pytest.mark.parametrize(("score", "log_odds"), [(-2.0, -4.0), (-101.0, -103.0), (3.0, 2.0), (102.0, 101.0)])
def test_beyond_the_outermost_knots_it_goes_on_as_the_score_does(score: float, log_odds: float) -> None:
    assert a_curve().at(score) == pytest.approx(log_odds)


def test_one_knot_moves_every_score_alike() -> None:
    curve = Curve(scores=(1.0,), log_odds=(3.0,))

    assert [curve.at(score) for score in (-5.0, 1.0, 5.0)] == [-3.0, 3.0, 7.0]


@given(steps=STEPS, one=HUNDREDTHS, other=HUNDREDTHS)
def test_it_changes_no_order_of_scores(steps: list[tuple[int, int]], one: int, other: int) -> None:
    curve = curve_of(steps)

    low, high = curve.at(min(one, other) / 100), curve.at(max(one, other) / 100)

    assert low < high or one == other


@given(steps=STEPS)
def test_it_makes_no_jump_at_a_knot(steps: list[tuple[int, int]]) -> None:
    curve = curve_of(steps)

    for score, log_odds in zip(curve.scores, curve.log_odds, strict=True):
        for beside in (score - 1e-9, score + 1e-9):
            assert curve.at(beside) == pytest.approx(log_odds, abs=1e-5)


def test_the_shipped_curve_changes_no_order() -> None:
    curve = load_prior().model.ask_curve

    came = [curve.at(tenths / 10) for tenths in range(-150, 151)]

    assert came == sorted(set(came))
