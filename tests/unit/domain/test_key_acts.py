from gateway.domain.key_acts import KeyTerms, NewKey
from tests.keys import a_key_text, a_stored_key


def test_a_new_key_never_prints_its_text() -> None:
    text = a_key_text()
    made = NewKey(text=text, key=a_stored_key())

    assert text not in f"{made!r}{made!s}"
    assert made.key.id in repr(made)


def test_a_key_of_no_terms_may_do_everything_for_ever() -> None:
    terms = KeyTerms()

    assert (terms.models, terms.expires_at, terms.budgets) == (None, None, ())
