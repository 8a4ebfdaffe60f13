import pytest

from tests.builders import a_request


def test_tools_are_named_by_function_by_name_or_by_type() -> None:
    tools = [
        {"type": "function", "function": {"name": "search"}},
        {"name": "calculate", "input_schema": {}},
        {"type": "web_search"},
        {"type": 3},
        "no tool",
    ]

    request = a_request(payload={"tools": tools, "functions": [{"name": "old_style"}]}, tools=6)

    assert request.tool_names == ["search", "calculate", "web_search", "old_style"]


def test_without_tools_there_are_no_names() -> None:
    assert a_request().tool_names == []


@pytest.mark.parametrize(
    ("payload", "metadata"),
    [
        ({"metadata": {"team": "claims", "count": 3, "nested": {}}}, {"team": "claims"}),
        ({"metadata": "text"}, {}),
        ({"metadata": None}, {}),
        ({}, {}),
    ],
)
def test_of_the_metadata_only_text_is_read(payload: dict[str, object], metadata: dict[str, str]) -> None:
    assert a_request(payload=payload).metadata == metadata


def test_what_conditions_may_search_is_bounded() -> None:
    metadata = {f"key-{number}": "x" * 10_000 for number in range(100)}
    tools = [{"name": f"tool-{number}"} for number in range(2_000)]

    request = a_request(payload={"metadata": metadata, "tools": tools}, tools=2_000)

    assert (len(request.metadata), {len(value) for value in request.metadata.values()}) == (64, {4_096})
    assert len(request.tool_names) == 1_000
