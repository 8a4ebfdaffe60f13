import pytest

from gateway.domain.errors import AuthenticationError
from gateway.store.static_keys import StaticKeys


def test_a_known_key_is_its_caller() -> None:
    keys = StaticKeys(["one", "two"])

    assert keys.authenticate("one") == keys.authenticate("one")
    assert keys.authenticate("one") != keys.authenticate("two")


def test_a_key_id_tells_nothing_of_the_key_and_is_the_same_in_every_process() -> None:
    key = "sk-" + "a" * 24

    caller = StaticKeys([key]).authenticate(key)

    assert caller == StaticKeys(["another", key]).authenticate(key)
    assert caller.key_id.startswith("key_")
    assert len(caller.key_id) == len("key_") + 16
    assert key not in repr(caller)


@pytest.mark.parametrize("credential", ["", "On", "one ", "ONE", "o\u0308ne", "\udcff"])
def test_any_other_credential_is_refused_without_repeating_it(credential: str) -> None:
    with pytest.raises(AuthenticationError) as caught:
        StaticKeys(["one"]).authenticate(credential)

    assert str(caught.value) == "the API key is not one the gateway knows"


def test_without_a_credential_the_message_says_how_to_send_one() -> None:
    with pytest.raises(AuthenticationError, match="send `Authorization: Bearer`"):
        StaticKeys(["one"]).authenticate(None)


def test_without_keys_nobody_is_let_in() -> None:
    with pytest.raises(AuthenticationError):
        StaticKeys([]).authenticate("")


def test_keys_are_not_kept_as_text() -> None:
    key = "sk-" + "a" * 24

    assert key not in repr(vars(StaticKeys([key])))
