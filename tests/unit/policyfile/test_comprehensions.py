import pytest

from gateway.policyfile.comprehensions import MOST_LOOPS, MOST_NESTED, MOST_SIGNS, too_much_looping


@pytest.mark.parametrize(
    "source",
    [
        "[[1]].map(a, a + a) == [[1, 1]]",
        "signals.messages == 7 && request.tools . map (a, a) == []",
        "request.tools.// why\n map(a, a) == []",
    ],
)
def test_a_map_is_refused_at_its_place(source: str) -> None:
    problem = too_much_looping(source)

    assert problem is not None
    assert (problem.message, problem.suggestion) == ("conditions have no use for map", "ask with exists, all or filter")


@pytest.mark.parametrize(
    "source",
    [
        'key.team == ".map("',
        "request.metadata.map == 'x'",
        "request.tools.exists(a, a == 'b')",
        "request.tools.filter(a, a != 'b').all(a, a == '.map(')",
    ],
)
def test_what_only_looks_like_one_is_left_alone(source: str) -> None:
    assert too_much_looping(source) is None


@pytest.mark.parametrize(("depth", "is_refused"), [(MOST_NESTED, False), (MOST_NESTED + 1, True)])
def test_loops_are_nested_so_deep_and_no_deeper(depth: int, is_refused: bool) -> None:
    nest = "true"
    for name in "abcdefgh"[:depth]:
        nest = f"[1, 2].all({name}, {nest})"

    assert (too_much_looping(nest) is not None) is is_refused


@pytest.mark.parametrize(("loops", "is_refused"), [(MOST_LOOPS, False), (MOST_LOOPS + 1, True)])
def test_an_expression_loops_so_often_and_no_more(loops: int, is_refused: bool) -> None:
    source = " && ".join(["request.tools.all(a, a != '')"] * loops)

    assert (too_much_looping(source) is not None) is is_refused


def test_what_loops_may_not_double_a_text_at_every_turn() -> None:
    sums = " + ".join(["a"] * (MOST_SIGNS["+"] + 2))

    assert too_much_looping(f"[['x']].exists(a, size({sums}) > 3)") is not None
    assert too_much_looping(f"signals.tokens + {' + '.join(['1'] * 50)} > 3") is None


def test_nor_compare_long_lists_at_every_turn() -> None:
    long = ", ".join(["1"] * (MOST_SIGNS[","] + 2))

    assert too_much_looping(f"[1].exists(a, [{long}] == [1])") is not None
    assert too_much_looping(f"signals.tokens in [{long}]") is None
