"""Keys are put together when the tests run: none that looks real stands in a file."""

import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.domain.sensitivity import sensitive_kinds
from gateway.domain.text_redaction import MARGIN_BYTES, marker_of, parted, redacted

KEY = "sk" + "-" + "a1B2c3D4e5" * 4
PEM = f"-----BEGIN RSA {'PRIVATE'} KEY-----\nMIIEab\ncdef\n-----END RSA {'PRIVATE'} KEY-----"
SENSITIVE = (
    KEY,
    PEM,
    "password: hunter2!x",
    "password:\n  hunter2!x",
    "postgresql://app:s3cr3t!pw@db.internal/x",
    "ann.müller@example.com",
    "4111 1111 1111 1111",
    "4111-1111-1111-1111",
    "+33 6 12 34 56 78",
    "(212) 555-0142",
    "ssn 536904399",
    "536-90-4399",
    "DE89 3704 0044 0532 0130 00",
    "ann\uff20example.com",
    '{\\"mail\\":\\"ann@example.com\\"}',
    "\\\\\\u0061nn@example.com",
)
_MOST = 65_536


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (f"my key is {KEY}, keep it", "my key is [secret], keep it"),
        (f"see\n{PEM}\nabove", "see\n[secret]\nabove"),
        ("password: hunter2!x\nnext", "password: [secret]\nnext"),
        ('{"password":"hunter2!x","user":"u"}', '{"password":"[secret]","user":"u"}'),
        ("db at postgresql://app:s3cr3t!pw@db.internal/x", "db at postgresql://app:[secret]"),
        ("to ann.müller@example.com, or bob@x.org!", "to [personal], or [personal]!"),
        ("card 4111 1111 1111 1111 and phone +33 6 12 34 56 78 ok", "card [personal] and phone [personal] ok"),
        ("I am ann@mail.example.com. Who are you?", "I am [personal]. Who are you?"),
        ("my ssn is 536904399, and", "my ssn is [personal], and"),
        ("pay DE89 3704 0044 0532 0130 00.", "pay [personal]."),
        ("Zürich 日本 😀 ann@example.com 日本", "Zürich 日本 😀 [personal] 日本"),
        ("at ann\uff20example.com now", "at [personal] now"),
        ("the weather is fine; see RFC 9110, section 4.2", "the weather is fine; see RFC 9110, section 4.2"),
        ("", ""),
    ],
)
def test_what_is_found_is_replaced_where_it_stands(text: str, kept: str) -> None:
    assert redacted(text, _MOST) == (kept, False)


@pytest.mark.parametrize("sensitive", SENSITIVE)
def test_nothing_that_is_kept_is_found_again(sensitive: str) -> None:
    kept, _ = redacted(f"before {sensitive}\nand so on", _MOST)

    assert marker_of(f"before {sensitive}\nand so on") is not None
    assert marker_of(kept) is None
    assert "and so on" in kept


@given(
    st.lists(
        st.one_of(st.sampled_from(SENSITIVE), st.text(st.characters(exclude_categories=()), max_size=12)), max_size=8
    ),
    st.sampled_from(["", " ", "\n", "\\n", ": ", '"']),
    st.integers(0, 200),
)
@example(["password", "hunter2!x"], ": ", 200)
@example(["\\", "\\u0061nn@example.com"], "", 200)
@example(["\ud800", KEY], " ", 200)
def test_whatever_the_text_no_detector_finds_anything_in_what_is_kept(
    parts: list[str], between: str, most_bytes: int
) -> None:
    text = between.join(parts)

    for most in (most_bytes, _MOST):
        kept, is_cut = redacted(text, most)
        assert {"secret", "personal"}.isdisjoint(sensitive_kinds([kept]))
        assert len(kept.encode()) <= max(most, len("[personal]"))
        assert not (is_cut and most == _MOST)


@given(st.lists(st.sampled_from(["password:", "hunter2!x", "ssn", "536904399", "", "hello", "is"]), max_size=8))
def test_texts_hold_nothing_together_that_they_do_not_hold_alone(texts: list[str]) -> None:
    kept = parted([redacted(text, _MOST)[0] for text in texts])

    assert {"secret", "personal"}.isdisjoint(sensitive_kinds(kept))
    assert len(kept) == len(texts)


def test_a_name_and_its_secret_in_two_texts_are_parted() -> None:
    assert parted(["hello", "my password:", "hunter2!x", "thanks"]) == ["hello", "my password:", "[secret]", "thanks"]


def test_of_texts_that_hold_secrets_together_over_and_over_none_is_kept_and_soon() -> None:
    texts = ["password:", "hunt7xQ9z"] * 1_500
    started_s = time.process_time()

    kept = parted(texts)

    assert set(kept) == {"[secret]"}
    assert time.process_time() - started_s < 60 * _parted_once_s(texts)


def _parted_once_s(texts: list[str]) -> float:
    """What one look at all of them takes."""
    started_s = time.process_time()
    marker_of("\n".join(texts))
    return max(time.process_time() - started_s, 1e-4) * 16


@pytest.mark.parametrize("sensitive", [KEY, "ann.miller@example.com", "4111 1111 1111 1111"])
def test_a_cut_never_leaves_half_of_what_it_cuts(sensitive: str) -> None:
    for place in range(1, len(sensitive) + 1):
        text = "x " * 50 + sensitive + " and more" * 1_000

        kept, is_cut = redacted(text, 100 + place)

        assert is_cut
        assert ("x " * 50).startswith(kept[:100])
        assert any(marker.startswith(kept[100:]) for marker in ("[secret]", "[personal]"))


def test_what_is_cut_is_told_and_what_fits_is_whole() -> None:
    assert redacted("abcdef", 6) == ("abcdef", False)
    assert redacted("abcdef", 5) == ("abcde", True)
    assert redacted("日本", 5) == ("日", True)
    assert redacted("a@b.co", 6) == ("[perso", True)


def test_a_key_that_begins_within_the_bound_is_seen_whole_beyond_it() -> None:
    text = "x" * 10 + " " + KEY + "y" * (MARGIN_BYTES * 2)

    kept, _ = redacted(text, 20)

    assert KEY[:4] not in kept


@pytest.mark.parametrize(
    "piece",
    [
        "ann@example.com ",
        "password: hunter2!x ",
        "4111 1111 1111 1111 ",
        "4111 1111 1111 1112 ",
        "ssn 536904399 ",
        "\\",
    ],
)
def test_a_text_that_is_full_of_them_takes_no_long_time(piece: str) -> None:
    def spent_s(times: int) -> float:
        text = piece * times
        started_s = time.process_time()
        kept, _ = redacted(text, 1 << 20)
        assert marker_of(kept) is None
        return time.process_time() - started_s

    spent_s(10)
    short_s = min(spent_s(500) for _ in range(3))

    assert min(spent_s(4_000) for _ in range(3)) < 8 * 5 * short_s + 0.05
