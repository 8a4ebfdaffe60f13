import stat
from pathlib import Path

import pytest

from gateway.store.pepper import PepperError, Peppers, pepper_file, read_or_make
from tests.keys import a_key_text

_ONE, _TWO = "one!" * 8, "two!" * 8


def test_new_keys_are_digested_with_the_last_pepper_and_old_ones_are_still_known() -> None:
    before, after = Peppers.parse(f"v1:{_ONE}"), Peppers.parse(f"v1:{_ONE}, v2:{_TWO}")
    key = a_key_text()

    assert after.digest(key) == Peppers.parse(f"v2:{_TWO}").digest(key) != before.digest(key)
    assert after.matches(key, before.latest, before.digest(key))
    assert after.matches(key, after.latest, after.digest(key))
    assert not after.matches(key, after.latest, before.digest(key))


def test_a_wrong_pepper_of_the_right_number_is_of_another_version() -> None:
    assert Peppers.parse(f"v1:{_ONE}").latest.startswith("v1-")
    assert Peppers.parse(f"v1:{_ONE}").latest != Peppers.parse(f"v1:{_TWO}").latest
    assert Peppers.parse(f"v1:{_ONE}").latest == Peppers.parse(f" v1:{_ONE} ").latest


@pytest.mark.parametrize("text", ["", "v1", _ONE, f"v1:{_ONE[:31]}", f"v1:{_ONE},", f"1:{_ONE}", f"v1:{_ONE} {_TWO}"])
def test_what_is_no_pepper_is_refused_with_the_next_step_and_without_any_of_it(text: str) -> None:
    with pytest.raises(PepperError, match=r"openssl rand") as caught:
        Peppers.parse(text)

    assert "one!" not in str(caught.value)


def test_two_of_one_number_are_refused() -> None:
    with pytest.raises(PepperError, match="two of number 'v1'"):
        Peppers.parse(f"v1:{_ONE},v1:{_TWO}")


def test_without_a_pepper_no_digest_ever_matches() -> None:
    key, peppers = a_key_text(), Peppers.parse(f"v1:{_ONE}")

    assert not Peppers.unknown().matches(key, peppers.latest, peppers.digest(key))
    assert not Peppers.unknown().matches(key, Peppers.unknown().latest, Peppers.unknown().digest(key))


def test_a_pepper_never_prints() -> None:
    assert _ONE not in repr(Peppers.parse(f"v1:{_ONE}"))


def test_the_demos_pepper_is_made_once_for_its_owners_eyes_only(tmp_path: Path) -> None:
    file = pepper_file(f"sqlite:///{tmp_path}/below/records.db")

    made = read_or_make(file)

    assert file == tmp_path / "below" / "key-pepper"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert read_or_make(file) == made
    assert Peppers.parse(made).latest.startswith("v1-")


def test_beside_a_database_on_a_server_it_is_below_the_working_directory() -> None:
    assert pepper_file("postgresql://h/d") == Path(".sizewise/key-pepper")
