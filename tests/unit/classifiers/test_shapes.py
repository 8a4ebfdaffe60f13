import math

import pytest
from hypothesis import given

from gateway.classifiers.shapes import SHAPES, shape_of
from gateway.classifiers.vocabulary import normalised, tokens_of
from tests.unit.classifiers.texts import ANY_TEXT, BROKEN, ODD

OPTIONS = "which one is it? a. a red box b. a very large blue box c. 12"


def shape(written: str) -> dict[str, float]:
    text = normalised(written)
    return dict(zip(SHAPES, shape_of(text, tokens_of(text)), strict=True))


def counted(written: str, name: str) -> float:
    """The amount without its logarithm."""
    return math.expm1(shape(written)[name])


@given(text=ANY_TEXT)
def test_any_text_has_every_amount_and_all_are_finite(text: str) -> None:
    amounts = shape_of(text, tokens_of(text))

    assert len(amounts) == len(SHAPES)
    assert all(map(math.isfinite, amounts))
    assert min(amounts) >= 0.0


@pytest.mark.parametrize("text", [*BROKEN.values(), *ODD.values()], ids=[*BROKEN, *ODD])
def test_odd_texts_have_amounts_like_any_other(text: str) -> None:
    assert all(map(math.isfinite, shape(text).values()))


def test_an_empty_text_has_none_of_anything() -> None:
    assert set(shape("").values()) == {0.0}


def test_every_amount_has_a_name_of_its_own() -> None:
    assert len(set(SHAPES)) == len(SHAPES)


@pytest.mark.parametrize(
    ("text", "largest"),
    [
        ("12", 12.0),
        ("1,000", 1_000.0),
        ("1,000.5", 1_000.5),
        ("1,2.5", 12.5),
        ("1.2.3", 1.2),
        ("2026.11.20", 2026.11),
        ("3. then", 3.0),
        ("from 7 to 12 of 9", 12.0),
        ("１２", 12.0),
        ("١٢", 12.0),
        ("१२.५", 12.5),
        ("²", 2.0),
        ("9" * 400, 1e12),
        ("1." + "0" * 400, 1.0),
        ("1," * 400, 111_111_111_111.0),
        ("no number", 0.0),
    ],
)
def test_a_number_is_read_in_any_script_with_commas_for_thousands(text: str, largest: float) -> None:
    assert counted(text, "largest number") == pytest.approx(largest)


def test_the_numbers_of_a_text_are_counted_and_measured() -> None:
    found = shape("pay $12.50 of 1,000 on 3 days")

    assert math.expm1(found["numbers"]) == pytest.approx(3)
    assert math.expm1(found["smallest number"]) == pytest.approx(3)
    assert found["digits of the longest number"] == 5
    assert found["decimals"] == 1
    assert found["decimals of money"] == 1


def test_signs_are_counted() -> None:
    text = '(a) [b], "c". d_e $1 2% + = é'

    found = {name: math.expm1(amount) for name, amount in shape(text).items()}

    assert found["brackets"] == pytest.approx(4)
    assert found["quotation marks"] == pytest.approx(2)
    assert found["operators"] == pytest.approx(2)
    for name in ("commas", "full stops", "dollar signs", "percent signs", "underscores", "characters beyond ASCII"):
        assert found[name] == pytest.approx(1), name


def test_words_are_measured() -> None:
    found = shape("the extraordinary the box")

    assert found["characters per word"] == pytest.approx(25 / 4)
    assert found["share of long words"] == 0.25
    assert found["share of different words"] == 0.75


@pytest.mark.parametrize(("text", "question", "colon"), [("why?", 1, 0), ("do this:", 0, 1), ("do it", 0, 0)])
def test_how_a_text_ends_is_seen(text: str, question: int, colon: int) -> None:
    found = shape(text)

    assert (found["ends with a question mark"], found["ends with a colon"]) == (question, colon)


@pytest.mark.parametrize(
    "written", [OPTIONS, OPTIONS.replace("a. ", "a) ").replace("b. ", "b) ").replace("c. ", "c) ")]
)
def test_lettered_options_are_told_from_the_question_before_them(written: str) -> None:
    found = shape(written)

    assert found["lettered options"] == 3
    assert math.expm1(found["characters before the options"]) == pytest.approx(len("which one is it?"))
    assert found["ends with a question mark"] == 1
    assert found["numbers"] == 0
    assert found["share of digits in options"] > 0
    assert math.expm1(found["longest option"]) == pytest.approx(len("a very large blue box"))
    assert math.expm1(found["shortest option"]) == pytest.approx(len("12"))


@pytest.mark.parametrize("text", ["see section a. of it", "b. second c. third", "no options", "a.b.c."])
def test_one_letter_or_letters_out_of_turn_are_no_options(text: str) -> None:
    assert shape(f"which? {text}")["lettered options"] == 0


def test_options_come_in_the_order_of_the_alphabet() -> None:
    assert shape("which? b. two a. one")["lettered options"] == 0


def test_more_of_something_never_counts_for_less() -> None:
    few, many = shape("1 + 2, 3"), shape("1 + 2, 3 + 4, 5")

    for name in ("characters", "words", "numbers", "digits", "commas", "operators"):
        assert few[name] < many[name], name
