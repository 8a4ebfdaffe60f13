import pytest

from gateway.domain.admin_keys import RESERVED, SHORTEST, read_admin_keys

_KEY = "k" * SHORTEST


def test_each_part_is_a_name_a_role_and_a_key() -> None:
    assert read_admin_keys(f" ada:admin:{_KEY}, bob@x.org:viewer:{_KEY}:2 ,,", ()) == [
        ("ada", "admin", _KEY),
        ("bob@x.org", "viewer", f"{_KEY}:2"),
    ]


def test_nothing_is_nobody() -> None:
    assert read_admin_keys(" , ", ()) == []


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (_KEY, "part 1: no role of viewer, operator, admin is in its middle"),
        (f"ada:Admin:{_KEY}", "part 1: no role"),
        (f"ada:{_KEY}:admin", "part 1: no role"),
        (f":admin:{_KEY}", "part 1: its name is not of letters"),
        (f"a b:admin:{_KEY}", "part 1: its name is not of letters"),
        ("ada:admin:" + "k" * (SHORTEST - 1), f"part 1: its key is shorter than {SHORTEST} characters"),
        (f"ada:admin:{_KEY},ada:viewer:{_KEY}2", "part 2: its name is taken"),
        (f"ada:admin:{_KEY},bob:viewer:{_KEY}", "part 2: its key is another's too"),
        ("ada:admin:of-a-client-already", "part 1: its key is another's too"),
    ],
)
def test_what_cannot_be_told_apart_or_guessed_is_refused(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why) as caught:
        read_admin_keys(text, ["of-a-client-already"])

    assert _KEY not in str(caught.value)


@pytest.mark.parametrize("name", sorted(RESERVED))
def test_names_that_stand_for_something_else_are_nobodys(name: str) -> None:
    with pytest.raises(ValueError, match="are nobody's"):
        read_admin_keys(f"{name}:viewer:{_KEY}", ())
