"""What is asked."""

import json

import orjson
import pytest

from gateway.cli.benchmark.scenarios import ALIAS, SCENARIO_NAMES, SCENARIOS, UPSTREAM_MODEL, Question, Scenario


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_a_body_has_the_size_it_says(scenario: Scenario) -> None:
    question = scenario.question

    assert len(question.body(question.alias)) == question.size_bytes


def test_bodies_differ_in_the_model_alone_and_are_as_compact_as_the_gateway_writes_them() -> None:
    question = Question(size_bytes=2_000, turns=3, stream=True)

    asked = json.loads(question.body(ALIAS))

    assert orjson.dumps({**asked, "model": UPSTREAM_MODEL}) == question.body(UPSTREAM_MODEL)


def test_the_user_has_the_last_word() -> None:
    assert all(json.loads(scenario.question.body(ALIAS))["messages"][-1]["role"] == "user" for scenario in SCENARIOS)


def test_a_stream_asks_for_its_usage_so_that_nothing_has_to_be_hidden_from_the_client() -> None:
    body = json.loads(Question(size_bytes=1_000, turns=1, stream=True).body(ALIAS))

    assert body["stream_options"] == {"include_usage": True}


def test_scenario_names_are_unique() -> None:
    assert len(set(SCENARIO_NAMES)) == len(SCENARIO_NAMES)
