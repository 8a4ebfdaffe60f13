import time

import pytest

from gateway.domain.sensitivity import has_personal_data, has_secret, sensitivity_of

CARD = "4111 1111 1111 1111"
IBAN = "GB82 WEST 1234 5698 7654 32"
TOKEN = "sk-" + "a" * 24

SECRETS = {
    "private key": "-----BEGIN RSA " + "PRIVATE KEY-----",
    "plain private key": "-----BEGIN " + "PRIVATE KEY-----",
    "cloud key": "AKIA" + "A1" * 8,
    "api key": TOKEN,
    "forge token": "ghp_" + "a" * 36,
    "chat token": "xoxb-" + "1" * 12,
}
PERSONAL = {
    "e-mail": "write to ann.lee+x@example.co.uk",
    "card": f"pay with {CARD}, please",
    "card with dashes": CARD.replace(" ", "-"),
    "card without spaces": CARD.replace(" ", ""),
    "card in full-width digits": "".join(chr(ord(char) + 0xFEE0) for char in CARD.replace(" ", "")),
    "card in Arabic digits": "".join(chr(ord(char) + 0x630) for char in CARD.replace(" ", "")),
    "card in Chinese text": f"我的卡号是{CARD}，请查收",
    "IBAN": f"to {IBAN} today",
    "IBAN without spaces": "DE89370400440532013000",
}
HARMLESS = {
    "prose": "The through road is 4711 m high; see task-list and risk-averse_note.",
    "bad card": "4111 1111 1111 1112",
    "one digit over and over": "0" * 16,
    "long number": "1" * 40,
    "decimal": "0.4111111111111111",
    "bad IBAN": IBAN.replace("32", "33"),
    "short key": "sk-abc",
    "key within a word": "task-" + "a" * 24,
    "handle": "@ann",
    "lone surrogate": "\ud800",
    "order number": "AB12 CD34",
    "empty": "",
}


@pytest.mark.parametrize("text", SECRETS.values(), ids=SECRETS)
def test_a_secret_is_found(text: str) -> None:
    assert has_secret(f"before {text} after")
    assert sensitivity_of([text]) == "secret"


@pytest.mark.parametrize("text", PERSONAL.values(), ids=PERSONAL)
def test_personal_data_are_found(text: str) -> None:
    assert has_personal_data(text)
    assert sensitivity_of([text]) == "personal"


@pytest.mark.parametrize("text", HARMLESS.values(), ids=HARMLESS)
def test_what_only_looks_sensitive_is_not(text: str) -> None:
    assert sensitivity_of([text]) == "none"


def test_a_secret_outranks_personal_data_in_any_order() -> None:
    assert sensitivity_of([CARD, TOKEN]) == "secret"
    assert sensitivity_of([TOKEN, CARD]) == "secret"


@pytest.mark.parametrize("data", [CARD, IBAN, TOKEN, "ann@example.com"])
def test_halves_in_two_texts_make_no_whole(data: str) -> None:
    assert sensitivity_of([data[:10], data[10:]]) == "none"
    assert sensitivity_of([data[:5], data[5:]]) == "none"


def test_nothing_to_look_at_is_not_sensitive() -> None:
    assert sensitivity_of([]) == "none"


@pytest.mark.parametrize("data", [CARD, IBAN, TOKEN, "ann@example.com"])
def test_all_of_a_long_text_is_looked_at(data: str) -> None:
    padding = "nothing to see here " * 20_000

    assert sensitivity_of([f"{padding} {data} {padding}"]) != "none"


def test_digits_of_every_script_in_the_basic_plane_are_looked_at() -> None:
    zeros = [point for point in range(0x80, 0x10000) if chr(point).isdecimal() and int(chr(point)) == 0]

    missed = [
        hex(zero)
        for zero in zeros
        if not has_personal_data("".join(chr(zero + int(char)) for char in "4111" + "1" * 12))
    ]

    assert missed == []


@pytest.mark.parametrize(
    "unit",
    [
        "a",
        "1",
        "1 ",
        "1-",
        "12345678901234 ",
        "a@",
        "@",
        "AB12",
        "AB12 ",
        "sk-",
        "sk-a ",
        "gh_ ",
        "ghp_ ",
        "xox",
        "AKIA",
        "-",
        "-----BEGIN ",
        "é",
        "٣",
        "😀",
    ],
)
def test_the_time_taken_grows_with_the_length_not_its_square(unit: str) -> None:
    """A square would take minutes where this takes tens of milliseconds; the bound leaves room for a busy machine."""
    text = (unit * 500_000)[:500_000]
    started_s = time.process_time()

    sensitivity_of([text])

    assert time.process_time() - started_s < 2.0


@pytest.mark.parametrize("sentence", ["My card is {}.", "No.{}", "({})", "card:{},", "{}"])
def test_a_card_number_is_found_whatever_punctuation_stands_beside_it(sentence: str) -> None:
    assert sensitivity_of([sentence.format("4111 1111 1111 1111")]) == "personal"


@pytest.mark.parametrize("number", ["0.4111111111111111", "4111111111111111.5", "14111111111111111999999"])
def test_digits_of_a_longer_or_decimal_number_are_no_card_number(number: str) -> None:
    assert sensitivity_of([number]) == "none"
