import pytest

from gateway.domain.payment_numbers import is_account, is_card, whole_account

CARD = "4" + "1" * 15
ACCOUNT = b"GB82 WEST 1234 5698 7654 32"


def test_a_card_is_of_a_network_and_has_its_check_digit() -> None:
    assert is_card(CARD)
    assert not is_card(CARD[:-1] + "2")
    assert not is_card("1" * 16)


@pytest.mark.parametrize("written", [ACCOUNT, ACCOUNT.replace(b" ", b""), ACCOUNT.replace(b" ", b"-")])
def test_an_account_is_checked_however_it_is_written(written: bytes) -> None:
    assert is_account(written, 0, len(written))
    assert not is_account(written.replace(b"32", b"33"), 0, len(written))


def test_an_account_has_its_countrys_length_or_words_behind_it() -> None:
    assert not is_account(ACCOUNT, 0, len(ACCOUNT) - 1)
    assert is_account(ACCOUNT + b" 999", 0, len(ACCOUNT) + 4)


def test_an_account_ends_where_its_groups_end() -> None:
    data = b"to " + ACCOUNT + b", please"

    assert whole_account(data, (3, 17)) == (3, 3 + len(ACCOUNT))
    assert whole_account(b"GB82!", (0, 5)) == (0, 5)
