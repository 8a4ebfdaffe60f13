import secrets
from collections import Counter
from string import ascii_letters, digits

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gateway.domain.virtual_key import DRAWN_BYTES, ID_LENGTH, PREFIX, claims_to_be_one, last4, new_key, parse

_ALPHABET = digits + ascii_letters
_draws = st.binary(min_size=DRAWN_BYTES, max_size=DRAWN_BYTES)
_keys = _draws.map(lambda drawn: new_key(lambda _: drawn))


@given(_keys)
def test_a_key_is_one_word_of_letters_digits_and_underscores_and_carries_its_id(key: str) -> None:
    assert key.startswith(PREFIX)
    assert len(key) == 51
    assert key.replace("_", "").isalnum()
    assert key.isascii()
    assert parse(key) == key[len(PREFIX) : len(PREFIX) + ID_LENGTH]


@given(_keys, st.data())
def test_every_change_of_one_character_is_caught_wherever_it_is(key: str, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(key) - 1))
    other = data.draw(st.sampled_from(_ALPHABET + "_-.é ") | st.characters(exclude_categories=["Cs"]))
    assume(other != key[place])

    assert parse(key[:place] + other + key[place + 1 :]) is None


def test_every_change_of_one_character_of_one_key_is_caught() -> None:
    key = new_key(secrets.token_bytes)
    changed = [key[:place] + other + key[place + 1 :] for place in range(len(key)) for other in _ALPHABET]

    assert {parse(text) for text in changed if text != key} == {None}


@given(_keys, st.integers(0, 49))
def test_every_swap_of_two_neighbours_is_caught(key: str, place: int) -> None:
    assume(key[place] != key[place + 1])

    assert parse(key[:place] + key[place + 1] + key[place] + key[place + 2 :]) is None


@given(_keys, st.integers(0, 40), st.text(_ALPHABET, min_size=4, max_size=4))
def test_every_change_of_four_characters_in_a_row_before_the_checksum_is_caught(
    key: str, place: int, other: str
) -> None:
    changed = key[:place] + other + key[place + 4 :]
    assume(changed != key)

    assert parse(changed) is None


@given(_keys, st.integers(0, 51), st.sampled_from(_ALPHABET))
def test_a_key_that_is_longer_or_shorter_is_none(key: str, place: int, other: str) -> None:
    assert parse(key[:place] + other + key[place:]) is None
    assert parse(key[:place] + key[place + 1 :]) is None or place == 51


@given(st.text())
def test_any_text_is_parsed_without_an_error(text: str) -> None:
    assert parse(text) is None
    assert parse(PREFIX + text) is None


@pytest.mark.parametrize("text", ["", PREFIX, PREFIX + "\ud800" * 43, PREFIX + "٣" * 36 + "_" + "0" * 6])
def test_what_only_begins_like_a_key_is_none(text: str) -> None:
    assert parse(text) is None


def test_what_begins_like_a_key_is_meant_as_one() -> None:
    assert claims_to_be_one(PREFIX)
    assert not claims_to_be_one("sw-demo")


def test_no_character_is_likelier_than_another() -> None:
    found = Counter("".join(new_key(secrets.token_bytes)[len(PREFIX) : -7] for _ in range(3_000)))

    expected = 3_000 * 36 / 62
    assert set(found) == set(_ALPHABET)
    assert all(abs(count - expected) < 6 * expected**0.5 for count in found.values())


def test_other_bytes_make_another_key() -> None:
    assert len({new_key(secrets.token_bytes) for _ in range(1_000)}) == 1_000


def test_a_listing_shows_the_last_four_characters() -> None:
    assert last4("x_abcdef") == "cdef"
