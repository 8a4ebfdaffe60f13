import pytest

from gateway.policyfile.conditions import ConditionError, FactConditions, PolicyConditions

CONDITIONS = PolicyConditions(FactConditions())


def complaint(source: str) -> tuple[int, str, str | None]:
    with pytest.raises(ConditionError) as caught:
        CONDITIONS.compile(source, on_error=False)
    offset, message, suggestion = caught.value.problems[0]
    return offset, message, suggestion


@pytest.mark.parametrize(
    ("source", "offset", "message", "suggestion"),
    [
        ("signals.tokenz > 1", 0, "unknown name 'signals.tokenz'", "did you mean 'signals.tokens'?"),
        ("true && signal.code", 8, "unknown name 'signal.code'", "did you mean 'signals.code'?"),
        ("key.team == legal", 12, "unknown name 'legal'", 'text is written in quotes: "legal"'),
        ("quality > 0.5", 0, "unknown name 'quality'", "name one of its fields: quality.threshold"),
        ("key.team.startWith('a')", 9, "unknown function 'startWith'", "did you mean 'startsWith'?"),
        ("len(request.tools) > 0", 0, "unknown function 'len'", "CEL writes 'size'"),
        ('labels.at == "home"', 0, "unknown name 'labels.at'", "'labels' may stand in 'require' only"),
        ("signals.code and true", 13, "unexpected 'and'", "CEL writes '&&'"),
        ("not signals.code", 4, "unexpected 'signals'", "CEL writes '!'"),
        ("signals.tokens = 3", 15, "unexpected '='", "CEL writes '=='"),
        ("signals.code &&", 15, "the expression ends where a value should follow", None),
        ("(signals.code", 13, "missing ')'", None),
        ("signals.code == 'a'", 13, "'==' does not apply to bool and string", None),
        (
            "classification.small_ok > 1",
            24,
            "'>' does not apply to double and int",
            "write whole numbers as 3.0, or convert with double(…)",
        ),
        ("true\n  && foo", 10, "unknown name 'foo'", 'text is written in quotes: "foo"'),
        (
            'signals.code || request.metadata["tier"] == "gold"',
            34,
            "fails where there is no 'tier'",
            "ask first whether it is there: '\"tier\" in … && …'",
        ),
        ('key.team == "é" && foo', 19, "unknown name 'foo'", 'text is written in quotes: "foo"'),
    ],
)
def test_a_compile_error_says_where_what_and_what_next(
    source: str, offset: int, message: str, suggestion: str | None
) -> None:
    assert complaint(source) == (offset, message, suggestion)


def test_every_unknown_name_of_an_expression_is_reported() -> None:
    with pytest.raises(ConditionError) as caught:
        CONDITIONS.compile("signals.tokenz > 1 || signals.turnz > 1", on_error=False)

    assert [problem.offset for problem in caught.value.problems] == [0, 22]


@pytest.mark.parametrize("source", ["(" * 300 + "true" + ")" * 300, "true || " * 20_000 + "true"])
def test_an_expression_beyond_cels_limits_is_refused_in_its_words(source: str) -> None:
    _, message, _ = complaint(source)

    assert "limit" in message
    assert "INVALID_ARGUMENT" not in message
