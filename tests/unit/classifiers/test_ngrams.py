import numpy as np
import pytest
from hypothesis import given

from gateway.classifiers.ngrams import KINDS, SLOT_BITS, NGrams, ngrams_of
from gateway.classifiers.vocabulary import normalised
from tests.cpu_time import cpu_s
from tests.unit.classifiers.texts import ANY_TEXT, BROKEN, ODD

SLOTS = 1 << SLOT_BITS


def words_of(text: str) -> list[str]:
    """The different words, in the order of the alphabet."""
    ngrams = ngrams_of(text)
    return sorted(ngrams.word(number) for number in range(ngrams.counts[0]))


def slots_of(ngrams: NGrams, kind: int) -> list[int]:
    start = sum(ngrams.counts[:kind])
    return [int(slot) for slot in ngrams.slots[start : start + ngrams.counts[kind]]]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("extract the date", ["extract", "the", "date"]),
        ("  spaced   out ", ["spaced", "out"]),
        ("snake_case 3.5%", ["snake_case", "3", ".", "5", "%"]),
        ("it's", ["it", "'", "s"]),
        ("größe", ["größe"]),
        ("안녕 세계", ["안녕", "세계"]),
        ("你好 abc", ["你", "好", "abc"]),
        ("abc日本", ["abc", "日", "本"]),
        ("フランス", ["フ", "ラ", "ン", "ス"]),
        ("ok😀😀", ["ok", "😀"]),
        ("?!", ["?", "!"]),
        ("", []),
    ],
)
def test_a_word_is_a_run_of_letters_and_digits_or_one_other_character(text: str, words: list[str]) -> None:
    assert words_of(text) == sorted(words)


@pytest.mark.parametrize("mark", ["– ", ": ", "thanks "])
def test_what_is_repeated_counts_once(mark: str) -> None:
    once, often = ngrams_of(f"{mark}{mark}prove it"), ngrams_of(f"{mark * 50}prove it")

    assert often.slots.tolist() == once.slots.tolist()
    assert often.shares.tolist() == once.shares.tolist()


def test_the_same_words_get_the_same_slots_wherever_they_stand() -> None:
    alone = ngrams_of("big red box")
    later = ngrams_of("we saw it: a big red box, she said")

    assert set(slots_of(alone, 0)) < set(slots_of(later, 0))
    assert set(slots_of(alone, 1)) < set(slots_of(later, 1))
    assert set(slots_of(alone, 2)) - set(slots_of(later, 2)) == {slots_of(alone, 2)[-1]}  # the end: a space, no comma


def test_the_order_of_words_makes_other_pairs_of_the_same_words() -> None:
    one, other = ngrams_of("dog bites man"), ngrams_of("man bites dog")

    assert set(slots_of(one, 0)) == set(slots_of(other, 0))
    assert set(slots_of(one, 1)).isdisjoint(slots_of(other, 1))


def test_different_words_get_different_slots_but_for_rare_chance() -> None:
    words = " ".join(f"w{number}" for number in range(300))

    slots = set(slots_of(ngrams_of(words), 0))

    assert len(slots) >= 297


def test_case_and_spacing_are_gone_before_words_are_looked_at() -> None:
    plain = ngrams_of(normalised("translate this"))
    written = ngrams_of(normalised("  Translate\n\n  THIS "))

    assert plain.slots.tolist() == written.slots.tolist()


@pytest.mark.parametrize(("text", "pair"), [("red box", "red box"), ("你好", "你好"), ("a .", "a .")])
def test_a_pair_is_written_as_the_text_writes_it(text: str, pair: str) -> None:
    assert ngrams_of(text).pair(0) == pair


def test_letters_are_every_four_neighbouring_characters_with_a_space_at_either_end() -> None:
    ngrams = ngrams_of("abcd")

    assert ngrams.text == " abcd "
    assert ngrams.counts == (1, 0, 3)


@pytest.mark.parametrize("text", ["", "a"])
def test_a_text_may_be_too_short_for_pairs_and_letters(text: str) -> None:
    assert ngrams_of(text).counts == (len(text), 0, 0)


def test_only_the_head_and_the_tail_of_a_long_text_are_looked_at() -> None:
    padding = "word " * 1_000

    ngrams = ngrams_of(f"first {padding} middle {padding} last")

    words = {ngrams.word(number) for number in range(ngrams.counts[0])}
    assert {"first", "word", "last"} <= words
    assert "middle" not in words


@pytest.mark.parametrize("character", ["a", "1", ".", " ", "你", "😀", "\ud800", "\x00"])
def test_a_megabyte_has_no_more_ngrams_than_two_kilobytes(character: str) -> None:
    large = ngrams_of(character * 1_000_000)
    small = ngrams_of(f"{character * 1_024} \n {character * 1_024}")

    assert all(many <= few for many, few in zip(large.counts, small.counts, strict=True))


def test_a_megabyte_takes_no_longer_than_two_kilobytes() -> None:
    text = "word " * 200_000

    def a_hundred_times() -> None:
        for _ in range(100):
            ngrams_of(text)

    assert cpu_s(a_hundred_times) < 0.5


@given(text=ANY_TEXT)
def test_the_slots_of_each_kind_lie_in_its_own_range(text: str) -> None:
    ngrams = ngrams_of(text)

    for kind in range(len(KINDS)):
        assert all(kind * SLOTS <= slot < (kind + 1) * SLOTS for slot in slots_of(ngrams, kind))


@given(text=ANY_TEXT)
def test_each_counts_for_one_over_the_square_root_of_how_many_of_its_kind_there_are(text: str) -> None:
    ngrams = ngrams_of(text)

    wanted = np.concatenate([np.full(count, 1.0 / np.sqrt(count or 1)) for count in ngrams.counts])
    assert ngrams.shares.tolist() == pytest.approx(wanted.tolist())
    assert len(ngrams.shares) == len(ngrams.slots) == sum(ngrams.counts)


@given(text=ANY_TEXT)
def test_words_leave_out_nothing_of_a_text_but_its_white_space(text: str) -> None:
    ngrams = ngrams_of(text)

    words = {ngrams.word(number) for number in range(ngrams.counts[0])}

    assert set("".join(words)) == {character for character in text if not character.isspace()}


@given(text=ANY_TEXT)
def test_a_pair_is_two_words_of_the_text(text: str) -> None:
    ngrams = ngrams_of(text)

    words = [ngrams.word(number) for number in range(ngrams.counts[0])]

    assert (ngrams.counts[1] > 0) == (len(ngrams.starts) > 1)
    for pair in (ngrams.pair(number) for number in range(ngrams.counts[1])):
        assert any(pair.startswith(word) for word in words)
        assert any(pair.endswith(word) for word in words)


@pytest.mark.parametrize("text", [*BROKEN.values(), *ODD.values()], ids=[*BROKEN, *ODD])
def test_odd_texts_are_taken_apart_like_any_other(text: str) -> None:
    ngrams = ngrams_of(text)

    assert ngrams.text[1:-1] == text or len(ngrams.text) < len(text)
    assert ngrams.counts[2] <= max(0, len(ngrams.text) - 3)
    assert len(set(ngrams.slots.tolist())) == len(ngrams.slots) == len(ngrams.places)
