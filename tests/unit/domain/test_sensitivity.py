import json
import unicodedata
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.sensitivity import Kind, Sensitivity, has_secret, highest, secret_spans, sensitive_kinds
from tests.cpu_time import MOST_EIGHTFOLD, count_words, cpu_s_in_turn, eightfold_s

CARD = "4111 1111 1111 1111"
TOKEN = "sk-" + "a" * 24
VALUE = "hunter" + "2x9"

SECRETS = {
    "private key": "-----BEGIN RSA " + "PRIVATE KEY-----",
    "plain private key": "-----BEGIN " + "PRIVATE KEY-----",
    "service account": '"private_' + 'key": "-----BEGIN ' + 'PRIVATE KEY-----\\nMII"',
    "cloud key": "AKIA" + "A1" * 8,
    "api key": TOKEN,
    "forge token": "ghp_" + "a" * 36,
    "fine-grained forge token": "github_" + "pat_" + "a" * 40,
    "chat token": "xoxb-" + "1" * 12,
    "map key": "AIza" + "a" * 35,
    "payment key": "sk_live_" + "a1" * 12,
    "restricted payment key": "rk_live_" + "a1" * 12,
    "web token": "eyJ" + "a" * 20 + ".eyJ" + "b" * 20 + "." + "c" * 30,
    "storage key": "Account" + "Key=" + "a1" * 30,
    "assignment": "password = " + VALUE,
    "quoted assignment": 'DB_PASSWORD="' + VALUE + '"',
    "JSON": '{"client_secret": "' + VALUE + '"}',
    "prose": "the password is " + VALUE,
    "German": "Passwort: " + VALUE,
    "Chinese": "密码：" + VALUE,
    "bearer": "Authorization: Bearer " + "a1" * 12,
    "database": "postgres" + "://user:pw@host/db",
    "name twice": "password: password: " + VALUE,
    "value that begins with my": "password: My-" + "Secret-9988",
    "in bold": "password: <b>" + VALUE + "</b>",
    "on the next line": "Password:\n  " + VALUE + "\n",
    "broker": "amqp" + "://svc:" + VALUE + "@mq.internal:5672",
}
NO_SECRETS = {
    "prose": "The through road is 4711 m high; see task-list and risk-averse_note.",
    "short key": "sk-abc",
    "key within a word": "task-" + "a" * 24,
    "variable": "password = os.environ['DB_PASSWORD']",
    "call": "password = get_password2(user)",
    "template": "password: ${DB_PASSWORD1}",
    "angle brackets": "Authorization: Bearer <your-token-goes-here-1>",
    "stand-in": "api_key = your_api_key_123",
    "mask": "password: ********",
    "type": "password: string",
    "plain word": "the password is required on every page",
    "form": '<input type="password" name="pwd">',
    "address without a password": "https://example.com:8080/path?x=1",
    "address with a stand-in": "postgres://user:${PASSWORD}@host/db",
    "manual": "postgres://user:password@host/db",
    "two parts of a web token": "eyJ" + "a" * 20 + ".eyJ" + "b" * 20,
    "public key": "-----BEGIN PUBLIC KEY-----",
    "stand-in that begins with my": "password: my-secret-pw-123",
    "empty value before another name": "PASSWORD=\nDB_HOST=db1.internal",
    "next line of prose": "Password:\nat least8 characters long",
    "next line of a file": "password:\n  host: db1\n",
    "empty": "",
}
TEXT_OF: dict[Kind, str] = {
    "secret": TOKEN,
    "personal": CARD,
    "health": "the biopsy",
    "financial": "my salary",
    "legal": "the lawsuit",
}


@pytest.mark.parametrize("text", SECRETS.values(), ids=SECRETS)
def test_a_secret_is_found(text: str) -> None:
    assert has_secret(f"before {text} after")
    assert "secret" in sensitive_kinds([text])


@pytest.mark.parametrize("text", NO_SECRETS.values(), ids=NO_SECRETS)
def test_what_only_stands_in_for_a_secret_is_none(text: str) -> None:
    assert not has_secret(text)


@pytest.mark.parametrize(("kind", "text"), TEXT_OF.items())
def test_each_kind_is_found_alone(kind: Kind, text: str) -> None:
    assert sensitive_kinds([text]) == (kind,)


def test_all_kinds_are_found_in_the_order_of_their_rank_whatever_the_order_of_the_texts() -> None:
    texts = list(TEXT_OF.values())

    assert sensitive_kinds(texts) == get_args(Kind)
    assert sensitive_kinds(texts[::-1]) == get_args(Kind)


def test_the_highest_kind_outranks_the_rest() -> None:
    kinds = get_args(Kind)

    assert [highest(kinds[at:]) for at in range(len(kinds) + 1)] == [*kinds, "none"]


def test_every_kind_is_a_sensitivity() -> None:
    assert set(get_args(Sensitivity)) == {*get_args(Kind), "none"}


@pytest.mark.parametrize("data", [CARD, TOKEN, "ann@example.com", "GB82 WEST 1234 5698 7654 32"])
def test_halves_in_two_texts_make_no_whole(data: str) -> None:
    assert sensitive_kinds([data[:10], data[10:]]) == ()
    assert sensitive_kinds([data[:5], data[5:]]) == ()


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("secret", "key\nAKIA" + "A1" * 8),
        ("secret", "key\t" + TOKEN),
        ("secret", '{"password": "' + VALUE + '"}'),
        ("personal", "account\nDE89370400440532013000"),
        ("personal", "phone\t212-555-0147"),
        ("personal", f"card\r\n{CARD}"),
        ("health", "notes\ndiabetes mellitus"),
        ("health", "糖尿病患者"),
        ("legal", "Kündigungsschutzklage"),
    ],
)
def test_what_tools_answer_in_json_hides_nothing(kind: Kind, text: str) -> None:
    once = json.dumps({"result": text})
    twice = json.dumps({"result": once})

    assert sensitive_kinds([once]) == (kind,)
    assert sensitive_kinds([twice]) == (kind,)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("personal", "jane.doe＠example.org"),
        ("personal", "jane@\u200bexample.org"),
        ("personal", CARD.replace(" ", "\u00ad ")),
        ("personal", CARD.replace(" ", "\u200a")),
        ("personal", "536\u201190\u20114399"),
        ("health", "ｄｉａｂｅｔｅｓ"),
        ("health", "dia\u200bbetes"),
        ("legal", unicodedata.normalize("NFD", "Kündigungsschutzklage")),
    ],
)
def test_look_alikes_and_what_is_not_seen_hide_nothing(kind: Kind, text: str) -> None:
    assert sensitive_kinds([text]) == (kind,)


def test_nothing_to_look_at_is_not_sensitive() -> None:
    assert sensitive_kinds([]) == ()


@pytest.mark.parametrize("data", [*TEXT_OF.values(), "ann@example.com"])
def test_all_of_a_long_text_is_looked_at(data: str) -> None:
    padding = "nothing to see here " * 20_000

    assert sensitive_kinds([f"{padding} {data} {padding}"]) != ()


@given(st.lists(st.text(st.characters(exclude_categories=())), max_size=4))
def test_any_texts_can_be_looked_at(texts: list[str]) -> None:
    assert set(sensitive_kinds(texts)) <= set(get_args(Kind))


@pytest.mark.parametrize(
    "unit",
    [
        "a",
        "1 ",
        "sk-",
        "sk-a ",
        "ghp_ ",
        "AKIA",
        "-----BEGIN ",
        "eyJa.",
        "://a:",
        "password: ",
        "password=a1 ",
        "é",
        "😀",
    ],
)
def test_the_time_taken_grows_with_the_length_not_its_square(unit: str) -> None:
    short_s, long_s = eightfold_s(lambda text: sensitive_kinds([text]), unit)

    assert long_s < MOST_EIGHTFOLD * short_s + 0.005


@pytest.mark.parametrize(
    "unit",
    [
        "pwd:abcdef ",
        "pwd:abc123x ",
        "password: your_key1 ",
        "a://b:your@c ",
        "bearer your_" + "a" * 20 + " ",
        "\\n",
        "hiv court ",
    ],
)
def test_no_text_takes_much_longer_than_prose_of_its_length(unit: str) -> None:
    prose, busy = (each * (400_000 // len(each)) for each in ("The quick brown fox jumps. ", unit))

    prose_s, busy_s, words_s = cpu_s_in_turn(
        lambda: sensitive_kinds([prose]), lambda: sensitive_kinds([busy]), lambda: count_words(prose)
    )

    assert busy_s < 4 * prose_s + words_s


def test_more_stand_ins_than_a_text_has_are_a_secret_only_where_they_are_precise() -> None:
    assert has_secret("a" + "mqp://user:your@host " * 5_000)
    assert not has_secret("password: your_key1 " * 5_000)


@given(
    st.lists(
        st.sampled_from(
            ["password", ": ", "hunter2!x", "sk-", "a1b2c3d4e5f6g7h8i9j0", "://u:", "p4ss@h", " ", "\n", "é"]
        )
    )
)
def test_where_a_secret_is_found_it_has_a_place(pieces: list[str]) -> None:
    text = "".join(pieces)
    data = text.encode()

    spans = [*secret_spans(text)]

    assert bool(spans) == has_secret(text)
    assert all(0 <= start < end <= len(data) for start, end in spans)
