import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.classifiers.answer_amounts import ANSWER_AMOUNTS, answer_amounts, value_of
from gateway.classifiers.vocabulary import normalised
from tests.cpu_time import cpu_s
from tests.unit.classifiers.texts import ANY_TEXT, BROKEN, ODD


def amounts(answer: str, ask: str = "", logprob: float | None = None) -> dict[str, float]:
    found = answer_amounts(normalised(answer), normalised(ask), logprob)
    return dict(zip(ANSWER_AMOUNTS, found, strict=True))


def counted(answer: str, name: str, ask: str = "") -> float:
    """The amount without its logarithm."""
    return math.expm1(amounts(answer, ask)[name])


@given(text=ANY_TEXT, ask=ANY_TEXT, logprob=st.none() | st.floats(-100, 0))
def test_any_answer_has_every_amount_and_all_are_finite(text: str, ask: str, logprob: float | None) -> None:
    found = answer_amounts(text, ask, logprob)

    assert len(found) == len(ANSWER_AMOUNTS)
    assert all(map(math.isfinite, found))


@given(text=st.text("0123456789.,()+-*/x×÷$€ =\n", max_size=200))
def test_any_calculation_has_finite_amounts(text: str) -> None:
    assert all(map(math.isfinite, answer_amounts(text, text[::2], None)))


@pytest.mark.parametrize("text", [*BROKEN.values(), *ODD.values()], ids=[*BROKEN, *ODD])
def test_odd_answers_have_amounts_like_any_other(text: str) -> None:
    assert all(map(math.isfinite, amounts(text, text).values()))


def test_every_amount_has_a_name_of_its_own() -> None:
    assert len(set(ANSWER_AMOUNTS)) == len(ANSWER_AMOUNTS)


@pytest.mark.parametrize(
    ("calculation", "value"),
    [
        ("1+2", 3.0),
        ("2 * 3 + 4", 10.0),
        ("2 x 3 × 4 ÷ 8", 3.0),
        ("(1 + 2) * 3", 9.0),
        ("-3 + 1", -2.0),
        ("1,000 - $0.5", 999.5),
        ("10 / 4", 2.5),
    ],
)
def test_a_calculation_comes_to_what_it_comes_to(calculation: str, value: float) -> None:
    assert value_of(calculation) == value


@pytest.mark.parametrize(
    "calculation",
    [
        "1 / 0",
        "1 +",
        "(1 + 2",
        "1.2.3 + 1",
        "9 ** 9",
        "9 // 2",
        "+1",
        "007 + 1",
        "'a' * 3",
        "a + 1",
        "exit()",
        "__import__('os')",
        "[1][0]",
        "1 if 1 else 2",
        "1 < 2",
        "1_0j + 1",
        "\x00",
        "",
        "9999999999 * 9999999999",
        "1 + " * 30 + "1",
        "(" * 79 + "1",
    ],
)
def test_what_is_no_plain_sum_comes_to_nothing_and_is_never_run(calculation: str) -> None:
    assert value_of(calculation) is None


def test_a_wrong_calculation_is_found() -> None:
    right, wrong = amounts("2 + 2 = 4, 6 / 4 = 1.5"), amounts("2 + 2 = 5 and 3 x 3 = 9")

    assert (right["wrong calculations"], wrong["wrong calculations"]) == (0, 1)
    assert math.expm1(right["calculations"]) == math.expm1(wrong["calculations"]) == pytest.approx(2)


def test_a_rounded_result_is_right() -> None:
    assert amounts("10 / 3 = 3.33")["wrong calculations"] == 0


def test_what_calculations_come_to_is_looked_at() -> None:
    found = amounts("3 - 5 = -2, then 5 / 2 = 2.5, so 7")

    assert math.expm1(found["negative results"]) == pytest.approx(1)
    assert found["results that are not whole"] == 1
    assert math.expm1(found["largest result"]) == pytest.approx(2.5)
    assert found["last result is not the last number"] == 1


def test_numbers_are_traced_to_the_ask() -> None:
    found = amounts("3 + 4 = 7, 7 * 9 = 63", ask="He has 3, buys 4 and loses 5.")

    assert found["share of the ask's numbers used"] == pytest.approx(2 / 3)
    assert math.expm1(found["the ask's numbers left unused"]) == pytest.approx(1)
    assert math.expm1(found["numbers from nowhere"]) == pytest.approx(1)
    assert found["calculations a number asked about"] == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("answer", "size", "is_whole", "is_zero"),
    [
        ("It is 12.", 12, 1, 0),
        ("1,000", 1_000, 1, 0),
        ("It is 2.5 or 0", 0, 1, 1),
        ("2.5", 2.5, 0, 0),
        ("１２", 12, 1, 0),
    ],
)
def test_the_last_number_is_the_answer(answer: str, size: float, is_whole: int, is_zero: int) -> None:
    found = amounts(answer)

    assert found["ends with a number"] == 1
    assert math.expm1(found["size of the last number"]) == pytest.approx(size)
    assert (found["last number is whole"], found["last number is zero"]) == (is_whole, is_zero)


@pytest.mark.parametrize("answer", ["none", "on 1.2.2026", f"3 of them, {'and so on ' * 20}"])
def test_a_date_or_a_number_long_before_the_end_is_no_last_number(answer: str) -> None:
    assert amounts(answer)["ends with a number"] == 0


def test_a_number_that_the_ask_gave_is_recognised() -> None:
    assert amounts("It is 12", ask="Is it 12?")["last number stands in the ask"] == 1
    assert amounts("It is 13", ask="Is it 12?")["last number stands in the ask"] == 0


def test_hedges_are_counted_in_several_languages() -> None:
    assert counted("However, it depends. Maybe.", "hedges") == pytest.approx(3)
    assert counted("Vielleicht, peut-être, quizá, 可能", "hedges") == pytest.approx(4)
    assert counted("It is so.", "hedges") == pytest.approx(0)


def test_repetition_is_measured() -> None:
    found = amounts("The box is very red. The box is very red. The cat is very fat.")

    assert found["share of repeated sentences"] == pytest.approx(1 / 3)
    assert found["share of different words"] == pytest.approx(7 / 15)


@pytest.mark.parametrize(
    ("answer", "is_cut"), [("It is red.", 0), ("它是红的。", 0), ("It is re", 1), ("and,", 1), ("", 0)]
)
def test_an_answer_that_ends_mid_sentence_is_seen(answer: str, is_cut: int) -> None:
    assert amounts(answer)["ends mid-sentence"] == is_cut


@pytest.mark.parametrize("answer", ["The answer is (B)", "Die Antwort ist: c", "La réponse est d"])
def test_a_chosen_option_is_seen(answer: str) -> None:
    assert amounts(answer)["names one of the options"] == 1
    assert amounts("The answer is blue")["names one of the options"] == 0


def test_an_unknown_log_probability_is_not_one_of_zero() -> None:
    unknown, certain, likely = amounts("a"), amounts("a", logprob=0.0), amounts("a", logprob=-0.5)

    assert (unknown["log-probability"], unknown["log-probability known"]) == (0, 0)
    assert (certain["log-probability"], certain["log-probability known"]) == (0, 1)
    assert (likely["log-probability"], likely["log-probability known"]) == (-0.5, 1)


def test_an_answer_is_measured_beside_its_ask() -> None:
    assert counted("four", "length beside the ask", ask="2+") == pytest.approx(2)


def test_money_is_counted_and_does_not_hinder_a_calculation() -> None:
    found = amounts("$3 + $4 = $8, or 7€")

    assert math.expm1(found["amounts of money"]) == pytest.approx(4)
    assert found["wrong calculations"] == 1


def test_only_the_head_and_the_tail_of_a_long_answer_are_looked_at() -> None:
    middle = "word " * 4_000

    found = amounts(f"1 + 1 = 3 {middle} 2 + 2 = 5 {middle} 3 + 3 = 7")

    assert found["wrong calculations"] == 2
    assert math.expm1(found["characters"]) == pytest.approx(8_000)


@pytest.mark.parametrize("unit", ["word ", "1+1=2 ", "1=1", "answer is ", ". ", "$1 "])
def test_a_long_answer_takes_no_time(unit: str) -> None:
    text = unit * (1_000_000 // len(unit))

    assert cpu_s(lambda: answer_amounts(text, text[:4_000], None)) < 0.1


@pytest.mark.parametrize("unit", ["1", "1+", "(", "1,"])
def test_a_long_sum_without_a_result_takes_no_time(unit: str) -> None:
    text = unit * (8_000 // len(unit))

    assert cpu_s(lambda: answer_amounts(text, "", None)) < 0.05
