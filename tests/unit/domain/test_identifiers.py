import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.identifiers import has_identifier, identifier_spans
from tests.cpu_time import MOST_EIGHTFOLD, count_words, cpu_s_in_turn, eightfold_s

CARD = "4111 1111 1111 1111"
CHECKED = {
    "US SSN": "536-90-4399",
    "FR NIR": "2 95 10 99 126 111 93",
    "FR NIR bare": "295109912611193",
    "DE IdNr": "36 574 261 809",
    "DE IdNr bare": "36574261809",
    "ES DNI": "54362315-K",
    "ES DNI bare": "54362315k",
    "ES NIE": "X-2482300-W",
    "IT codice fiscale": "RCCMNL83S18D969H",
    "BR CPF": "390.533.447-05",
    "NL BSN": "1112.22.333",
    "BE NN": "85.07.30-033.28",
    "PL PESEL": "44051401359",
    "SE personnummer": "880320-0016",
    "NO fødselsnummer": "151086 95088",
    "DK CPR": "211062-5629",
    "FI HETU": "131052-308T",
    "CH AHV": "756.9217.0769.85",
    "CH AHV bare": "7569217076985",
    "CN resident": "11010519491231002X",
    "JP My Number": "6214 9832 0257",
    "KR RRN": "971013-9019902",
    "IN Aadhaar": "2341 2341 2346",
    "MX CURP": "BOXW310820HNERXN09",
    "CA SIN": "123-456-782",
    "card": CARD,
    "card of American Express": "3782 822463 10005",
    "IBAN": "GB82 WEST 1234 5698 7654 32",
    "IBAN without spaces": "DE89370400440532013000",
}
UNCHECKED = {
    "UK NINO": "AB 12 34 56 C",
    "UK NINO bare": "AB123456C",
    "e-mail": "ann.lee+x@example.co.uk",
    "international phone": "+49 170 1234567",
    "phone with (0)": "+44 (0)20 7946 0958",
    "US phone": "(415) 555-2671",
    "French phone": "06 12 34 56 78",
    "UK mobile": "07700 900123",
    "German mobile": "0170 1234567",
    "Japanese mobile": "090-1234-5678",
}
ANNOUNCED = {
    "BSN": "111222333",
    "NIF": "501 964 843",
    "SIN": "123 456 782",
    "TFN": "123 456 782",
    "CPF": "39053344705",
    "SSN": "536904399",
    "NHS number": "943 476 5870",
    "CPR": "2110625629",
    "マイナンバー": "621498320257",
    "Aadhaar": "234123412346",
    "手机": "13812345678",
}
HARMLESS = {
    "amounts": "1,234,567.89 EUR and 12.345.678,90 and 123 456 789 CHF",
    "signed amount": "+12.345.678",
    "timestamps": "1732100000 1732100000123 1732100000123456 20241120143000",
    "date and time": "2024-11-20T14:30:00.123+01:00",
    "order number of a date": "20241115003 and 20241115-0037",
    "UUID": "550e8400-e29b-41d4-a716-446655440000",
    "digest": "da39a3ee5e6b4b0d3255bfef95601890afd80709",
    "address of a host": "192.168.100.200",
    "ISBN": "978-3-16-148410-0",
    "decimal": "0.4111111111111111",
    "years": "2019 2020 2021 2022 2023 2024",
    "bare nine digits": "order 111222333",
    "handle": "@ann",
    "lone surrogate": "\ud800",
    "empty": "",
}


@pytest.mark.parametrize("number", (CHECKED | UNCHECKED).values(), ids=CHECKED | UNCHECKED)
@pytest.mark.parametrize("sentence", ["{}", "My number is {}.", "({})", "no:{},", "我的号码是{}，请查收", "a\n{}\nb"])
def test_what_identifies_a_person_is_found_whatever_stands_beside_it(number: str, sentence: str) -> None:
    assert has_identifier(sentence.format(number))


@pytest.mark.parametrize("number", CHECKED.values(), ids=CHECKED)
def test_a_wrong_check_digit_is_not_personal_data(number: str) -> None:
    if number == CHECKED["US SSN"]:
        wrong = ["000-90-4399", "666-90-4399", "936-90-4399", "536-00-4399", "536-90-0000"]
    else:
        at = max(index for index, char in enumerate(number) if char.isdigit())
        wrong = [number[:at] + digit + number[at + 1 :] for digit in "0123456789" if digit != number[at]]

    # one or two may be right for another country that writes its numbers the same way
    assert sum(map(has_identifier, wrong)) <= len(wrong) // 4


@pytest.mark.parametrize(("word", "number"), ANNOUNCED.items())
def test_a_bare_number_with_a_weak_check_counts_where_its_word_stands_before(word: str, number: str) -> None:
    assert has_identifier(f"{word}: {number}")
    assert has_identifier(f"{word} of customer 12 is {number}")
    assert not has_identifier(f"order {number}")
    assert not has_identifier(f"{word} is on file, as we said at some length in the last letter. Order {number}")


@pytest.mark.parametrize("text", HARMLESS.values(), ids=HARMLESS)
def test_what_only_looks_like_a_number_of_a_person_is_not(text: str) -> None:
    assert not has_identifier(text)


@pytest.mark.parametrize("digits", range(7, 16))
def test_at_most_one_in_a_hundred_bare_numbers_stands_for_a_person(digits: int) -> None:
    dice = random.Random(7)

    found = sum(has_identifier(str(dice.randrange(10 ** (digits - 1), 10**digits))) for _ in range(3_000))

    assert found <= 3_000 * 0.013  # 1 % and what chance adds to it on so few


@pytest.mark.parametrize("separator", ["\t", "  ", ".", "-", " ", ". "])
def test_a_card_is_found_however_its_groups_are_set_apart(separator: str) -> None:
    card = CARD.replace(" ", separator)

    assert has_identifier(f"the card {card} of")
    assert not has_identifier(f"the card {card[:-1]}2 of")


@pytest.mark.parametrize("row", ["4111\t1111\t1111\t1111\t2024", "17  4111  1111  1111  1111", "4111.1111 1.5"])
def test_a_row_of_a_table_is_no_card(row: str) -> None:
    assert not has_identifier(row)


@pytest.mark.parametrize(
    "account",
    [
        "de89370400440532013000",
        "De89 3704 0044 0532 0130 00",
        "DE89-3704-0044-0532-0130-00",
        "gb82 west 1234 5698 7654 32",
    ],
)
def test_an_account_is_found_in_any_case_and_with_dashes(account: str) -> None:
    assert has_identifier(f"account {account}, please")
    assert not has_identifier(f"account {account[:-1]}9, please")


def test_a_social_security_number_may_have_spaces_but_no_neighbours() -> None:
    assert has_identifier("his is 536 90 4399.")
    assert not has_identifier("rows 12 536 90 4399")


@pytest.mark.parametrize(
    "text", [f"order 17 {CARD}", f"{CARD} 123", "DE12 GB82 WEST 1234 5698 7654 32", f"12345 {CARD}"]
)
def test_a_number_beside_another_is_not_hidden_by_it(text: str) -> None:
    assert has_identifier(text)


@given(st.text(st.characters(exclude_categories=())))
def test_any_text_can_be_looked_at(text: str) -> None:
    assert has_identifier(text) in {True, False}


@given(st.text("0123456789 -./()+AXTabc@\n", max_size=60))
def test_any_run_of_digits_and_separators_can_be_looked_at(text: str) -> None:
    assert has_identifier(text) in {True, False}


@given(
    st.text(st.characters(categories=("L", "N"))),
    st.sampled_from(["\n", ": ", ", ", "; ", " (", '"', "\t"]),
    st.sampled_from([number for name, number in CHECKED.items() if "bare" not in name]),
    st.text(st.characters(categories=("L", "N"))),
)
def test_text_around_an_identifier_does_not_hide_it(before: str, separator: str, number: str, after: str) -> None:
    assert has_identifier(f"{before}{separator}{number}\n{after}")


@pytest.mark.parametrize(
    "unit", ["1 ", "1-", "123-", "1234 ", "AB12 ", "+1 ", "12345678901 ", "123456 12345 ", "BSN 1 ", "٣", "a@", "é1"]
)
def test_the_time_taken_grows_with_the_length_not_its_square(unit: str) -> None:
    short_s, long_s = eightfold_s(has_identifier, unit)

    assert long_s < MOST_EIGHTFOLD * short_s + 0.005


def _numbered(form: str) -> str:
    """Some 200 KB of candidates that all differ."""
    dice = random.Random(7)
    return "".join(
        form.format(dice.randrange(10_000), dice.randrange(1_000, 10_000)) for _ in range(200_000 // len(form))
    )


PROSE = "The quick brown fox jumps over the lazy dog. " * 4_500
BUSY = {
    "words before zeros": "ssn " * 6 + "0 " * 15 + "{} ",
    "a word and a number that fails": "ssn 90000{1} ",
    "words with short numbers": "nhs {} ",
    "Chinese words": "手机{}",
    "areas never issued": "936-12-{1} ",
    "numbers in fours": "{1}-",
    "thousands": "+1.234.567.890 {} ",
    "starts of accounts": "DE12 FR34 {} ",
    "accounts that fail": "DE00 {1} {1} {1} {1} 00 ",
    "cards that fail": "x4000 0000 {1} 0001;",
}


@pytest.mark.parametrize("form", BUSY.values(), ids=BUSY)
def test_no_text_takes_much_longer_than_prose_of_its_length(form: str) -> None:
    busy = _numbered(form)

    prose_s, busy_s, words_s = cpu_s_in_turn(
        lambda: has_identifier(PROSE), lambda: has_identifier(busy), lambda: count_words(PROSE)
    )

    assert busy_s < 4 * prose_s + 2 * words_s


def test_a_text_made_of_candidates_that_all_fail_counts_as_personal() -> None:
    failing = "".join(
        f"ssn 90{number:07} and some more words to set the next one well apart from it, " for number in range(1_100)
    )

    assert has_identifier(failing)
    assert not has_identifier(failing[: len(failing) // 2])


@pytest.mark.parametrize(
    "line", ["20241115-{:04}\n", "+12.345.{:03.0f}\n", "17321000{:05}\n", "{:08x}-1234-4123-8123-12345678abcd\n"]
)
def test_a_long_list_of_harmless_numbers_stays_harmless(line: str) -> None:
    numbers = range(100, 1_000) if "03" in line else range(4_000)

    assert not has_identifier("".join(line.format(number) for number in numbers))


def _found(text: str) -> list[str]:
    data = text.encode()
    return [data[start:end].decode() for start, end in sorted(identifier_spans(text))]


@pytest.mark.parametrize("number", [number for name, number in CHECKED.items() if "bare" not in name])
def test_a_number_is_found_in_its_place(number: str) -> None:
    assert number in "".join(_found(f"Zürich: {number}, and on"))


def test_an_address_is_found_whole_and_each_in_its_place() -> None:
    assert _found("日本 ann.müller+x@mail.example.com, (bob@x.org) and @nobody") == [
        "ann.müller+x@mail.example.com",
        "bob@x.org",
    ]


@given(st.text("0123456789 -./()+AXTabc@.\n", max_size=80))
def test_where_something_is_found_it_has_a_place(text: str) -> None:
    assert has_identifier(text) == bool(_found(text))
