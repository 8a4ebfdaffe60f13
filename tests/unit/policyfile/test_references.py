import pytest

from gateway.policyfile.items import Items, read_items
from gateway.policyfile.nodes import parse
from gateway.policyfile.problems import Place, Problems
from gateway.policyfile.references import References, listed
from gateway.policyfile.source import SourceFile
from tests.unit.policyfile.folder import DEPLOYMENTS, ROUTES

PLACE = Place("p.yaml", 1, 1)


def _items(text: str) -> Items:
    document = parse(SourceFile("p.yaml", text), Problems())
    return read_items([] if document is None else [document], Problems())


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("small-frist", "unknown route 'small-frist'; did you mean 'small-first'?"),
        ("stickie", "unknown route 'stickie'; did you mean 'sticky'?"),
        ("elsewhere", "unknown route 'elsewhere'; known routes: small-first, large-only"),
        ("small-a", "'small-a' is a deployment; write a route that tries it"),
    ],
)
def test_a_route_that_is_not_there_comes_with_the_next_step(name: str, said: str) -> None:
    problems = Problems()
    references = References(_items(DEPLOYMENTS + ROUTES), problems)

    route = references.route("policy 'p'", PLACE, name, "sticky")

    assert route is None
    assert [str(each) for each in problems] == [f"p.yaml:1:1: policy 'p': {said}"]


def test_a_name_whose_item_did_not_compile_is_no_problem_of_its_own() -> None:
    problems = Problems()
    references = References(_items(DEPLOYMENTS + ROUTES), problems)

    found = [references.deployment("p", PLACE, "small-a"), references.route("p", PLACE, "small-first")]

    assert found == [None, None]
    assert len(problems) == 0


def test_where_nothing_is_defined_that_is_what_is_said() -> None:
    assert listed("routes", []) == "no routes are defined"


def test_of_many_names_only_some_are_listed() -> None:
    said = listed("routes", [str(number) for number in range(6_000)])

    assert said.endswith(" 24 and 5,975 more")
