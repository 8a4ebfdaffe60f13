import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.answer_code import code_verdict
from tests.cpu_time import cpu_s


def _fenced(language: str, code: str) -> str:
    return f"Here it is:\n\n```{language}\n{code}\n```\n\nThat is all."


@pytest.mark.parametrize(
    ("language", "code"),
    [
        ("python", "def add(a, b):\n    return a + b"),
        ("py", "    x = 1\n    y = 2"),
        ("python", "import re\nre.compile('\\d+\\w')\nprint('a\\'b')"),
        ("python", ">>> 1 + 1\n2"),
        ("python", "%matplotlib inline\n!pip install x"),
        ("python", "async def f():\n    async with a as b, c as d:\n        return [x async for x in b]"),
        ("python", "key = <your key here>"),
        ("json", '{"a": [1, 2]}'),
        ("json", '{"a": 1}\n{"a": 2}'),
        ("json", '{\n  "a": 1, // a comment\n  ...\n}'),
        ("js", "const f = (a) => { return `)${a}`; } // don't {"),
        ("java", "System.out.println(\"(\" + '{');"),
        ("rust", "fn f<'a>(x: &'a str) -> &'a str { x }"),
        ("text", "((("),
        ("", "def broken(:"),
    ],
)
def test_sound_code_passes(language: str, code: str) -> None:
    assert code_verdict(_fenced(language, code)) == ""


@pytest.mark.parametrize(
    ("language", "code"),
    [
        ("python", "def add(a, b:\n    return a + b"),
        ("Python", "print 'hello'"),
        ("py", "for x in y\n    print(x)"),
        ("python", "x = 'a\nb'"),
        ("json", '{"a": 1,}'),
        ("json", "{'a': 1}"),
        ("json", '{"a": 1'),
    ],
)
def test_code_that_does_not_parse_is_broken(language: str, code: str) -> None:
    assert code_verdict(_fenced(language, code)) == "broken"


@pytest.mark.parametrize(
    ("language", "code"), [("js", "function f() { return [1, 2;"), ("go", "func main() { fmt.Println(1)")]
)
def test_brackets_that_do_not_close_are_a_hint(language: str, code: str) -> None:
    assert code_verdict(_fenced(language, code)) == "unbalanced"


def test_every_block_counts() -> None:
    text = _fenced("js", "f(") + _fenced("python", "x = 1") + _fenced("json", "{")

    assert code_verdict(text) == "broken"


def test_a_block_in_a_list_ends_at_its_indented_fence() -> None:
    text = "1. Do this:\n   ```python\n   x = 1\n   ```\n2. Then that, which is no code at all."

    assert code_verdict(text) == ""


def test_a_block_that_is_not_closed_is_not_judged() -> None:
    assert code_verdict("```python\ndef f(:") == ""


def test_the_parser_warns_nobody_of_what_it_read() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        code_verdict(_fenced("python", "x = '\\d \\\\d' + r'\\w' + b'\\q'\nif x is 'a': pass"))

    assert caught == []


@pytest.mark.parametrize(
    "code",
    ["(" * 10_000, "-" * 19_000 + "1", "a" + ".b" * 9_000, "a" + "()" * 9_000, "lambda:" * 2_800 + "1",
     "1+" * 9_000 + "1", "a\0b", "\ud800", "".join(" " * n + "if 1:\n" for n in range(99)), "[{" * 9_000,
     "f(**" * 80 + "a b" + ")" * 80],
)  # fmt: skip
@pytest.mark.parametrize("language", ["python", "json", "js"])
def test_hostile_code_gets_a_verdict_in_time(language: str, code: str) -> None:
    block = _fenced(language, code)

    assert cpu_s(lambda: code_verdict(block)) < 0.25
    assert code_verdict(block) in {"", "broken", "unbalanced"}


@given(st.text(), st.sampled_from(["python", "json", "js", "", "yaml"]))
def test_no_code_is_too_strange(code: str, language: str) -> None:
    assert code_verdict(_fenced(language, code)) in {"", "broken", "unbalanced"}


@pytest.mark.parametrize(
    "unit",
    ["`", "```", "```js\n", "```python\nx\n```\n", "/*/", '"\\', "'a", "```\n\n", "\n   ```js\n  ", "<a ", " ", "`\\"],
)
def test_time_grows_no_faster_than_the_text(unit: str) -> None:
    text = "```js\n" + unit * (1_000_000 // len(unit))
    block = _fenced("ts", unit * (19_000 // len(unit))) + _fenced("python", unit * (19_000 // len(unit)))

    assert cpu_s(lambda: (code_verdict(text), code_verdict(block))) < 0.25
