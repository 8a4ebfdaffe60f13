import random
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.identifiers import has_identifier
from gateway.domain.national_ids import FORMATS
from gateway.domain.sensitive_concepts import CONCEPTS
from gateway.domain.sensitive_traces import traces_of
from gateway.domain.sensitivity import has_secret

CARD = "4111 1111 1111 1111"
VALUE = "hunter" + "2x9"
SECRETS = (
    "-----BEGIN RSA " + "PRIVATE KEY-----",
    "AKIA" + "A1" * 8,
    "sk-" + "a" * 24,
    "ghp_" + "a" * 36,
    "github_" + "pat_" + "a" * 40,
    "glpat-" + "a" * 20,
    "hf_" + "a" * 30,
    "npm_" + "a" * 36,
    "xoxb-" + "1" * 12,
    "AIza" + "a" * 35,
    "sk_live_" + "a1" * 12,
    "whsec_" + "a1" * 12,
    "SG." + "a" * 22 + "." + "b" * 43,
    "eyJ" + "a" * 20 + ".eyJ" + "b" * 20 + "." + "c" * 30,
    "Account" + "Key=" + "a1" * 30,
    "SharedAccess" + "Key=" + "a1" * 30,
    "Contraseña: " + VALUE,
    "密码：" + VALUE,
    "my secret is " + VALUE,
    "Password:\n" + VALUE + "\n",
    "Authorization: Basic " + "a1" * 12,
    "Bearer " + "a1" * 14,
    "amqp" + "://svc:" + VALUE + "@mq.internal:5672",
)
NUMBERS = (
    CARD,
    "+49 170 1234567",
    "06 12 34 56 78",
    "RCCMNL83S18D969H",
    "RCC MNL 83S18 D969H",
    "GB82 WEST 1234 5698 7654 32",
    "DE89-3704-0044-0532-0130-00",
    "BSN 111222333",
    "微信13812345678",
)
AROUND = ("", " ", "é", "中", "\u212a", "\u0130", "Σ", "\ud800", "😀", "Ⱥ" * 70)


def test_prose_has_no_traces() -> None:
    traces = traces_of("The quick brown fox jumps over the lazy dog, 25 times in 2019.")

    assert [traces.secrets, traces.numbers, traces.facts, traces.concepts] == [False, False, False, {}]


@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize("secret", SECRETS)
def test_what_has_a_secret_has_a_trace_of_it(secret: str, around: str) -> None:
    text = f"{around}{secret}{around}"

    assert traces_of(text).secrets >= has_secret(text)
    assert traces_of(secret).secrets
    assert has_secret(secret)


@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize("number", NUMBERS)
def test_what_has_a_number_has_a_trace_of_it(number: str, around: str) -> None:
    text = f"{around}{number}{around}"

    assert traces_of(text).numbers >= has_identifier(text)
    assert traces_of(number).numbers
    assert has_identifier(number)


@pytest.mark.parametrize("form", FORMATS)
def test_each_form_of_a_national_number_has_a_trace(form: str) -> None:
    assert traces_of(form).numbers
    assert traces_of(form.lower()).numbers


@given(st.text(st.characters(exclude_categories=())), st.sampled_from((*SECRETS, *NUMBERS)), st.text(max_size=3))
def test_no_text_around_hides_a_trace(before: str, found: str, after: str) -> None:
    text = f"{before}{found}{after}"

    traces = traces_of(text)

    assert traces.secrets >= has_secret(text)
    assert traces.numbers or "@" in text or not has_identifier(text)


def test_the_characters_whose_lower_case_is_ascii_are_known() -> None:
    mixed = {char for char in map(chr, range(0x80, 0x110000)) if any(part.isascii() for part in char.lower())}

    assert mixed == {"\u0130", "\u212a"}


def test_every_spelling_is_told_with_its_topic_and_concept() -> None:
    for topic, concepts in CONCEPTS.items():
        for spelling, concept in concepts.items():
            text = spelling.decode()
            told = traces_of(f"{text} {text.upper() if text.isascii() else text}s").concepts

            assert text.endswith(")") or concept in (told or {})[topic], text


def test_a_fact_leaves_a_trace() -> None:
    assert traces_of("BP was 120/80").facts
    assert traces_of("20 mg daily").facts
    assert traces_of("20 µg per day").facts


def test_of_a_long_text_all_is_looked_at_unless_its_head_settles_every_topic() -> None:
    padding = "nothing to see here " * 5_000
    settled = "biopsy, my salary, the lawsuit "

    late = traces_of(f"{padding}{settled}{CARD} {SECRETS[2]}")
    early = traces_of(f"{settled}{padding}{CARD} {SECRETS[2]}")

    for traces in (late, early):
        assert [None in concepts for concepts in (traces.concepts or {}).values()] == [True] * len(CONCEPTS)
        assert [traces.secrets, traces.numbers] == [True, True]


def test_a_word_cut_at_the_end_of_the_head_is_not_taken_for_a_shorter_one() -> None:
    settled = "biopsy, my salary, "
    cut = "litigation"
    text = f"{settled}{'x' * (4_095 - len(settled) - len(cut))} {cut}s" + " x" * 50_000

    assert text[:4_096].endswith(cut)
    assert set(traces_of(text).concepts or {}) == {"health", "financial"}


@pytest.mark.parametrize(
    "starts", [("sk-", "eyJ", "SG.", "bearer "), ("://", "a://b:"), ("1 2 3-", "12 "), ("asia", "hf_", "npm_", "AB12")]
)
def test_values_among_terms_do_not_make_the_automaton_grow_without_end(starts: tuple[str, ...]) -> None:
    dice = random.Random(7)
    terms = [spelling.decode().replace(" ", "-") for concepts in CONCEPTS.values() for spelling in concepts]
    text = "x" * 5_000 + "".join(f" {dice.choice(starts)}{dice.choice(terms)}" for _ in range(20_000))

    def taken_s() -> float:
        started_s = process_time()
        traces_of(text)
        return process_time() - started_s

    taken_s()

    assert min(taken_s() for _ in range(3)) < 0.04 * len(text) / 1_000_000 + 0.02
