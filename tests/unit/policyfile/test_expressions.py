import pytest

from gateway.policyfile.expressions import (
    Comparison,
    asks_beyond_keys,
    comparisons,
    is_plain,
    keys,
    literals,
    normal_form,
    variables,
)


@pytest.mark.parametrize(
    "written",
    [
        "signals.tokens>5&&key.team=='legal'",
        '( signals . tokens > 5 && key.team == "legal" )',
        "((signals.tokens > 5 // long\n && key.team == 'legal'))",
    ],
)
def test_spacing_comments_quotes_and_outer_parentheses_do_not_count(written: str) -> None:
    assert normal_form(written) == normal_form('signals.tokens > 5 && key.team == "legal"')


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ('key.team == "a b"', 'key.team == "a  b"'),
        ('key.team == "// a"', 'key.team == "// b"'),
        ("(signals.code) && (signals.maths)", "signals.code) && (signals.maths"),
        ("signals.code && signals.maths", "signals.code || signals.maths"),
        (r'key.team == "a\"b"', 'key.team == "ab"'),
        (r'key.team == r"\n"', r'key.team == "\n"'),
    ],
)
def test_what_else_differs_counts(one: str, other: str) -> None:
    assert normal_form(one) != normal_form(other)


def test_a_variable_is_found_under_what_is_asked_of_it() -> None:
    source = 'key.team.startsWith("signals.code") && request.metadata.tier == "x" && 1.0 > quality.threshold'

    assert variables(source) == {"key.team", "request.metadata", "quality.threshold"}


@pytest.mark.parametrize(
    "source",
    [
        "signals.code && !signals.maths",
        "!(signals.tokens >= 5 || 7 > signals.turns)",
        'classification.task in ["legal", "medical"] && signals.code == true',
        '"legal" in signals.sensitive',
        "classification.small_ok >= quality.threshold",
        'time.date >= "2026-12-24"',
        "true",
    ],
)
def test_comparisons_with_literals_are_plain(source: str) -> None:
    assert is_plain(source)


@pytest.mark.parametrize(
    "source",
    [
        "signals.tokens + 1 > 5",
        "signals.tokens > signals.ask_tokens",
        "signals.tokens > -5",
        'key.team.startsWith("a")',
        'key.team < "m"',
        "size(key.tags) > 1",
        'request.metadata["a"] == "b"',
        "signals.code ? signals.maths : true",
        r'key.team == "a\"b"',
        "signals.code == signals.maths",
    ],
)
def test_whatever_computes_is_not_plain(source: str) -> None:
    assert not is_plain(source)


def test_a_comparison_is_read_from_the_side_of_its_variable() -> None:
    source = '5 < signals.tokens && "a" in key.tags && key.team in ["b", \'c\'] && key.app != "d" + "e"'

    assert comparisons(source) == (
        Comparison("signals.tokens", ">", 5.0),
        Comparison("key.tags", "in", "a"),
        Comparison("key.team", "in", "b"),
        Comparison("key.team", "in", "c"),
    )


def test_literals_are_all_texts_and_numbers() -> None:
    assert literals('size(key.team) > 0x10 && key.app == "a" && 1.5 > 2e3') == {16.0, "a", 1.5, 2000.0}


def test_the_keys_a_map_is_asked_for_are_found_however_they_are_written() -> None:
    source = (
        '"a" in request.metadata && request.metadata["b"] == "x" && request.metadata.c == "y" && "d" in request.headers'
    )

    assert keys(source, "request.metadata") == {"a", "b", "c"}
    assert not asks_beyond_keys(source, "request.metadata")


@pytest.mark.parametrize("source", ["size(request.headers) > 1", 'request.headers.exists(h, h == "x")'])
def test_a_map_that_is_asked_as_a_whole_is_told(source: str) -> None:
    assert asks_beyond_keys(source, "request.headers")
