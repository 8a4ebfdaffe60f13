from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.policyfile.nodes import MOST_NODES, Node, parse
from gateway.policyfile.problems import PolicyError, Problems
from gateway.policyfile.source import SourceFile
from tests.cpu_time import cpu_s


def parsed(text: str) -> Node:
    problems = Problems()
    node = parse(SourceFile("p.yaml", text), problems)
    problems.raise_if_any()
    assert node is not None
    return node


def complaint(text: str) -> str:
    with pytest.raises(PolicyError) as caught:
        parsed(text)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("False", False),
        ("~", None),
        ("", None),
        ("12", 12),
        ("-3", -3),
        ("2.50", Decimal("2.50")),
        ("1e3", Decimal(1000)),
        ("'12'", "12"),
        ('"yes"', "yes"),
        ("2024-08-06", "2024-08-06"),
        ("gpt-4o", "gpt-4o"),
        ("[1, a]", [1, "a"]),
    ],
)
def test_scalars_are_read_as_they_are_written(text: str, value: Any) -> None:
    assert parsed(f"key: {text}").plain() == {"key": value}


@pytest.mark.parametrize(
    "text", ["yes", "No", "on", "OFF", ".inf", ".nan", "0x1F", "0o17", "017", "1_000", "12:30", ".5"]
)
def test_what_yaml_readers_disagree_about_is_refused(text: str) -> None:
    assert complaint(f"key: {text}").startswith(f"p.yaml:1:6: {text!r} ")


def test_money_is_never_rounded_by_a_float() -> None:
    assert str(parsed("price: 0.1000000000000000000000001").plain()["price"]) == "0.1000000000000000000000001"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3", "p.yaml:3:1: duplicate key 'a', first in line 1; keep one of them"),
        ("a: &x 1", "p.yaml:1:4: anchor '&x': anchors are not supported; write the value out"),
        ("a: *x", "p.yaml:1:4: alias '*x': aliases are not supported; write the value out"),
        ("a: !!python/name:os.system x", "p.yaml:1:4: tags are not supported; leave the '!…' out"),
        ("? [1]\n: 2", "p.yaml:1:3: a key must be text"),
        ("a: 1\n---\nb: 2", "p.yaml:2:1: a second document; write one document a file"),
        ("a: [1", "p.yaml:2:1: not valid YAML: did not find expected ',' or ']'"),
        ("é: 1\nb: \x00", "p.yaml:2:4: not valid YAML: a control character"),
        ("[" * 40 + "]" * 40, "p.yaml:1:34: not valid YAML: nested deeper than 32"),
    ],
)
def test_what_a_policy_file_may_not_hold_is_refused_at_its_place(text: str, message: str) -> None:
    assert complaint(text) == message


def test_a_small_file_of_aliases_never_becomes_a_large_tree() -> None:
    lines = ["a0: &a0 [x, x]", *(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 60))]

    assert "aliases are not supported" in complaint("\n".join(lines))


@pytest.mark.parametrize("text", ["", "# only a comment\n", "---\n"])
def test_an_empty_file_has_no_document_and_no_problem(text: str) -> None:
    problems = Problems()

    assert parse(SourceFile("p.yaml", text), problems) is None
    assert len(problems) == 0


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ("when: a && foo", 1, 12),
        ("when: 'a && foo'", 1, 13),
        ("when: 'it''s && foo'", 1, 17),
        ('when: "\\"a\\" && foo"', 1, 17),
        ("when: >-\n  a &&\n  foo", 3, 3),
        ("when: |\n  a &&\n    foo\n", 3, 5),
        ("{name: x, when: 'é && foo'}", 1, 23),
        ("when: a &&\n  foo", 2, 3),
        ('when: "\\x61\\u0020\\n && foo"', 1, 24),
        ('when: "a &&\\\n   \\ foo"', 2, 6),
        ('when: "a\n\n  && foo"', 3, 6),
    ],
)
def test_a_character_of_a_text_is_found_in_the_file(text: str, line: int, column: int) -> None:
    node = parsed(text).at("when")
    offset = str(node.content).index("foo")

    place = node.place_of(offset)

    assert (place.line, place.column) == (line, column)


def test_nodes_that_are_left_out_do_not_move_the_others() -> None:
    node = parsed("rules: [a, b, c]")

    rest = node.without({("rules", 0)})

    assert rest.plain() == {"rules": ["b", "c"]}
    assert rest.at("rules", 0).loc == ("rules", 1)
    assert rest.at("rules", 0).place.column == 12


@given(st.text(max_size=200))
def test_any_text_is_parsed_or_refused_and_never_crashes(text: str) -> None:
    problems = Problems()

    node = parse(SourceFile("p.yaml", text), problems)

    assert node is None or len(problems) == 0


def test_a_file_may_hold_many_values_and_not_more() -> None:
    assert len(parsed("\n".join("- a" for _ in range(MOST_NODES - 1))).plain()) == MOST_NODES - 1
    assert complaint("\n".join("- a" for _ in range(MOST_NODES))) == (
        f"p.yaml:{MOST_NODES}:3: not valid YAML: more than {MOST_NODES} values; split it"
    )


def test_the_place_of_a_character_is_found_in_one_walk() -> None:
    node = parsed(f'when: "{chr(92)}x41{f"{chr(92)}x41" * 50_000}"').at("when")

    assert cpu_s(lambda: node.place_of(50_000)) < 2
    assert node.place_of(50_000).column == 8 + 4 * 50_000


def test_what_is_mostly_folds_has_the_place_where_it_starts() -> None:
    node = parsed('when: "A' + f"{chr(92)}\n   " * 10_000 + 'B"').at("when")

    assert node.place_of(1) == node.place
