import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.identifiers import has_identifier
from gateway.domain.national_ids import FORMATS
from gateway.domain.plain_text import plain_text
from gateway.domain.sensitive_traces import Traces, traces_of
from gateway.domain.sensitivity import has_secret
from tests.cpu_time import cpu_s

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


def _traces(text: str) -> Traces:
    return traces_of(plain_text(text))


def test_prose_has_no_traces() -> None:
    traces = _traces("The quick brown fox jumps over the lazy dog, 25 times in 2019.")

    assert [traces.secrets, traces.numbers, traces.facts] == [False, False, False]


@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize("secret", SECRETS)
def test_what_has_a_secret_has_a_trace_of_it(secret: str, around: str) -> None:
    text = f"{around}{secret}{around}"

    assert _traces(text).secrets >= has_secret(text)
    assert _traces(secret).secrets
    assert has_secret(secret)


@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize("number", NUMBERS)
def test_what_has_a_number_has_a_trace_of_it(number: str, around: str) -> None:
    text = f"{around}{number}{around}"

    assert _traces(text).numbers >= has_identifier(text)
    assert _traces(number).numbers
    assert has_identifier(number)


@pytest.mark.parametrize("form", FORMATS)
def test_each_form_of_a_national_number_has_a_trace(form: str) -> None:
    assert _traces(form).numbers
    assert _traces(form.lower()).numbers


@given(st.text(st.characters(exclude_categories=())), st.sampled_from((*SECRETS, *NUMBERS)), st.text(max_size=3))
def test_no_text_around_hides_a_trace(before: str, found: str, after: str) -> None:
    text = plain_text(f"{before}{found}{after}").text

    traces = _traces(text)

    assert traces.secrets >= has_secret(text)
    assert traces.numbers or "@" in text or not has_identifier(text)


def test_the_characters_whose_lower_case_is_ascii_are_known() -> None:
    mixed = {char for char in map(chr, range(0x80, 0x110000)) if any(part.isascii() for part in char.lower())}

    assert mixed == {"\u0130", "\u212a"}


def test_a_fact_leaves_a_trace() -> None:
    assert _traces("BP was 120/80").facts
    assert _traces("20 mg daily").facts
    assert _traces("20 µg per day").facts


def test_of_a_long_text_all_is_looked_at() -> None:
    padding = "nothing to see here " * 5_000

    for traces in (_traces(f"{padding}{CARD} {SECRETS[2]} 20 mg "), _traces(f"{CARD} {SECRETS[2]} 20 mg {padding}")):
        assert [traces.secrets, traces.numbers, traces.facts] == [True, True, True]


@pytest.mark.parametrize(
    "starts", [("sk-", "eyJ", "SG.", "bearer "), ("://", "a://b:"), ("1 2 3-", "12 "), ("asia", "hf_", "npm_", "AB12")]
)
def test_values_among_words_do_not_make_the_automaton_grow_without_end(starts: tuple[str, ...]) -> None:
    dice = random.Random(7)
    words = ["".join(dice.choices("abcdefghij-0", k=12)) for _ in range(3_000)]
    text = "x" * 5_000 + "".join(f" {dice.choice(starts)}{dice.choice(words)}" for _ in range(20_000))

    assert cpu_s(lambda: _traces(text)) < 0.04 * len(text) / 1_000_000 + 0.02


@pytest.mark.parametrize("found", [CARD, "biopsy", "确诊", "://", "secret: x", "5 mg daily", "api_key="])
@pytest.mark.parametrize("before", [" ", "_", "x", "é", "中"])
def test_a_long_text_is_looked_at_from_its_first_trace_or_term_on(found: str, before: str) -> None:
    traces = _traces(f"{'nothing ' * 2_000}{before}{found} to see")

    is_term = found.isalpha() and found.isascii()
    if is_term and before in {"_", "x"}:
        assert traces.rest == b""
    else:
        assert len(traces.rest) < 40
        assert f"{found} to see".encode() in traces.rest


def test_a_word_that_is_cut_off_does_not_begin_anew() -> None:
    around = "nothing " * 2_000

    assert _traces(f"{around}xhttp://biopsy").rest == b"_://biopsy"
    assert _traces(f"{around}-://").rest == b" ://"
    assert _traces(around).rest == b""
