import pytest

from gateway.domain.request import Message
from gateway.domain.signals import bounded_view, measure, script_of
from gateway.domain.tokens import estimated_tokens
from tests.builders import a_request
from tests.cpu_time import cpu_s

CODE = [
    "```\nx\n```",
    "def main(argv)",
    "please fix\n    import os",
    "SELECT name FROM users",
    "x = 1;",
    "if (a) {\r\n",
    "}\n",
    "x => x + 1",
    "std::vector",
]
NOT_CODE = ["", "Hello; how are you?", "We import goods from Peru", "a class of its own", "a {curly} word", "\n" * 50]
MATHS = ["1 + 1", "3×4", "10/2", "x ≤ y", "\\frac{1}{2}", "let $x$ be", "√2", "a ∫ b"]
NOT_MATHS = ["", "it costs $5", "well-known", "room 12 - or so", "C:\\fractions", "5 €"]


@pytest.mark.parametrize("text", CODE)
def test_code_is_seen(text: str) -> None:
    assert measure(a_request(text)).code


@pytest.mark.parametrize("text", NOT_CODE)
def test_prose_is_not_code(text: str) -> None:
    assert not measure(a_request(text)).code


@pytest.mark.parametrize("text", MATHS)
def test_maths_is_seen(text: str) -> None:
    assert measure(a_request(text)).maths


@pytest.mark.parametrize("text", NOT_MATHS)
def test_prose_is_not_maths(text: str) -> None:
    assert not measure(a_request(text)).maths


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("", "latin"),
        ("plain", "latin"),
        ("Größe", "latin"),
        ("Привет, мир", "cyrillic"),
        ("你好吗 ok", "cjk"),
        ("こんにちは", "cjk"),
        ("안녕하세요", "cjk"),
        ("שלום עולם", "other"),
        ("😀", "latin"),
        ("я" * 3 + "a" * 4, "latin"),
        ("\ud800", "latin"),
    ],
)
def test_the_script_is_that_of_most_letters(text: str, script: str) -> None:
    assert script_of(text) == script


def test_the_whole_conversation_is_counted_and_the_last_ask_on_its_own() -> None:
    request = a_request(
        messages=(
            Message(role="system", text="s" * 40),
            Message(role="user", text="u" * 40, images=1),
            Message(role="assistant", text="a" * 40),
            Message(role="user", text="v" * 9),
        ),
        tools=2,
    )

    signals = measure(request)

    around = estimated_tokens("\n".join(["s" * 40, "u" * 40, "a" * 40]))
    assert signals.tokens == around + signals.ask_tokens + 4 * 4 + 2 * 60 + 765
    assert (signals.turns, signals.messages, signals.images) == (2, 4, 1)
    assert signals.ask_tokens == estimated_tokens("v" * 9)
    assert not signals.tool_loop


def test_a_tool_result_at_the_end_is_a_tool_loop() -> None:
    request = a_request(messages=(Message(role="user", text="go"), Message(role="tool", text="42")))

    assert measure(request).tool_loop


def test_so_is_a_message_in_a_users_name_that_no_human_wrote() -> None:
    ask = Message(role="user", text="Fix the login page")
    reminder = Message(role="user", text="<system-reminder>The file has changed.</system-reminder>")

    signals = measure(a_request(messages=(ask, Message(role="assistant", text="Looking"), reminder)))

    assert (signals.tool_loop, signals.turns) == (True, 1)
    assert signals.ask_tokens == measure(a_request(messages=(ask,))).ask_tokens


def test_a_picture_without_a_word_is_a_turn_of_a_human() -> None:
    picture = Message(role="user", text="", images=1)

    signals = measure(a_request(messages=(Message(role="user", text="What is this?"), picture)))

    assert (signals.tool_loop, signals.turns) == (False, 2)


def test_every_kind_of_sensitive_content_is_told_and_the_gravest_is_the_sensitivity() -> None:
    signals = measure(a_request("Patient jane.doe@example.com was diagnosed with diabetes"))

    assert signals.sensitive == ("personal", "health")
    assert signals.sensitivity == "personal"


def test_what_the_ask_says_of_itself_is_measured() -> None:
    signals = measure(a_request("Résume ce texte en deux phrases, s'il te plaît : le chat dort."))

    assert (signals.language, signals.trivial, signals.code_language) == ("fr", False, "")
    assert signals.asked_tokens == 50
    assert measure(a_request("Thanks!")).trivial
    assert measure(a_request("```python\nprint(1)\n```")).code_language == "python"


def test_sensitive_data_anywhere_in_the_conversation_count() -> None:
    request = a_request(
        messages=(Message(role="user", text="I am ann@example.com"), Message(role="user", text="now hello"))
    )

    assert measure(request).sensitivity == "personal"


def test_a_view_holds_both_ends_of_a_long_text() -> None:
    view = bounded_view("a" * 5_000 + "b" * 5_000)

    assert view == "a" * 2_000 + "\n" + "b" * 2_000
    assert bounded_view("short") == "short"


@pytest.mark.parametrize(
    "unit", ["a", "1", "1 ", "\n", " ", " \n", ";", "; ", "{\n", "$", "$ ", "def ", "def\n", "\\", "é", "\t\n"]
)
def test_the_time_taken_grows_with_the_length_not_its_square(unit: str) -> None:
    """The bound leaves room for a busy machine; a square would take minutes."""
    request = a_request((unit * 500_000)[:500_000])

    assert cpu_s(lambda: measure(request)) < 2.0
