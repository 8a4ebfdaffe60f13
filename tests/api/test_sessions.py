"""A conversation across its requests, as the official client holds it: it keeps its deployment and its restrictions."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from openai import OpenAI
from openai.types.chat import ChatCompletionFunctionToolParam

from gateway.domain.record import RequestRecord
from gateway.providers.scripted import ScriptedUpstream
from tests.gateway_process import KEY, GatewayProcess, database_url, eventually, models_called, running_gateway

OTHER_KEY = "another-key-for-tests"
MAIL = "jane.doe@example.org"
CANARY = "canary-" + "7f3a" * 4

POLICIES = """
deployments:
  - {name: left, tier: small, provider: openai, model: left/small, api_base: "${UPSTREAM}", labels: {residency: us}}
  - {name: right, tier: small, provider: openai, model: right/small, api_base: "${UPSTREAM}", labels: {residency: us}}
  - {name: little, tier: small, provider: openai, model: little/small, api_base: "${UPSTREAM}"}
  - {name: big, tier: large, provider: openai, model: big/tools, api_base: "${UPSTREAM}"}
  - {name: home, tier: small, provider: openai, model: home/small, api_base: "${UPSTREAM}", labels: {residency: home}}
  - {name: abroad, tier: small, provider: openai, model: abroad/small, api_base: "${UPSTREAM}"}
  - {name: slow, tier: small, provider: openai, model: "slow/slow:600", api_base: "${UPSTREAM}",
     labels: {residency: home}}
routes:
  - {name: either, try: [left, right], strategy: weighted, weights: {left: 1, right: 1}}
  - {name: little-only, try: [little]}
  - {name: big-only, try: [big]}
  - {name: abroad-first, try: [abroad], then: [home]}
  - {name: abroad-only, try: [abroad]}
  - {name: slow-only, try: [slow]}
policies:
  - {name: either, serves: [either], default: either}
  - {name: forgetful, serves: [forgetful], session: {affinity: false}, default: either}
  - name: opening
    serves: [opening]
    rules: [{name: an opening goes large, when: signals.messages == 1, route: big-only}]
    default: little-only
  - name: small-loops
    serves: [small-loops]
    rules:
      - {name: an opening goes large, when: signals.messages == 1, route: big-only}
      - {name: loops go small, when: signals.tool_loop, route: little-only}
    default: little-only
  - name: guarded
    serves: [guarded]
    constraints:
      - name: personal data stays home
        when: signals.sensitivity == "personal"
        require: labels.residency == "home"
    default: abroad-first
  - name: guarded-abroad
    serves: [guarded-abroad]
    constraints:
      - name: personal data stays home
        when: signals.sensitivity == "personal"
        require: labels.residency == "home"
    default: abroad-only
  - {name: slow, serves: [slow], default: slow-only}
"""

LOOK_UP: ChatCompletionFunctionToolParam = {
    "type": "function",
    "function": {"name": "look_up", "parameters": {"type": "object", "properties": {}}},
}


@pytest.fixture(scope="module")
def talking(upstream_server: ScriptedUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    environment = {"UPSTREAM": f"{upstream_server.url}/v1", "SIZEWISE_API_KEYS": f"{KEY},{OTHER_KEY}"}
    with running_gateway(tmp_path_factory.mktemp("talking"), {"sessions.yaml": POLICIES}, environment) as running:
        yield running


@pytest.fixture(scope="module")
def talker(talking: GatewayProcess) -> Iterator[OpenAI]:
    with talking.client() as openai_client:
        yield openai_client


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def assistant(text: str) -> dict[str, Any]:
    return {"role": "assistant", "content": text}


def named(session: str) -> dict[str, str]:
    return {"x-sizewise-session": session}


def recorded(
    talking: GatewayProcess,
    alias: str,
    *messages: dict[str, Any],
    headers: dict[str, str] | None = None,
    key: str = KEY,
    **fields: Any,
) -> RequestRecord:
    """Send a request and give its record."""
    body = json.dumps({"model": alias, "messages": messages, **fields}).encode()
    reply = talking.request("POST", "/v1/chat/completions", body, headers, key=key)
    return talking.record(reply.headers["x-request-id"])


def answered_by(client: OpenAI, alias: str, opening: str, turns: int) -> list[str]:
    """Who answered each turn of a conversation, by the model that the official client was told."""
    messages: list[Any] = [user(opening)]
    models = []
    for turn in range(turns):
        answer = client.chat.completions.create(model=alias, messages=messages)
        messages += [answer.choices[0].message, user(f"And what of {turn}?")]
        models.append(answer.model)
    return models


def test_a_conversation_keeps_its_deployment_over_its_turns(talker: OpenAI) -> None:
    conversations = [answered_by(talker, "either", f"Conversation {number}", turns=6) for number in range(12)]

    assert all(len(set(models)) == 1 for models in conversations)
    assert {models[0] for models in conversations} == {"left/small", "right/small"}


def test_where_the_policy_switches_affinity_off_it_wanders(talker: OpenAI) -> None:
    conversations = [answered_by(talker, "forgetful", f"Conversation {number}", turns=6) for number in range(6)]

    assert any(len(set(models)) == 2 for models in conversations)


def test_a_streamed_conversation_keeps_its_deployment_too(talker: OpenAI) -> None:
    messages: list[Any] = [user("A conversation in streams")]
    models = set()
    for _ in range(10):
        chunks = list(talker.chat.completions.create(model="either", messages=messages, stream=True))
        models |= {chunk.model for chunk in chunks}
        said = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
        messages += [assistant(said), user("Go on")]

    assert len(models) == 1


def test_a_tool_loop_stays_large_though_the_rules_would_send_it_small_until_a_human_speaks(
    talking: GatewayProcess, talker: OpenAI
) -> None:
    messages: list[Any] = [user("Look up the weather in Paris")]
    models = []
    for _ in range(3):
        answer = talker.chat.completions.create(model="opening", messages=messages, tools=[LOOK_UP])
        call = (answer.choices[0].message.tool_calls or [])[0]
        messages += [answer.choices[0].message, {"role": "tool", "tool_call_id": call.id, "content": "18 degrees"}]
        models.append(answer.model)
    in_loop = talking.record(answer._request_id or "")
    messages += [assistant("It is 18 degrees"), user("Thank you; and in London?")]
    asked_again = talker.chat.completions.create(model="opening", messages=messages, tools=[LOOK_UP])

    assert models == ["big/tools"] * 3
    assert in_loop.rule == "an opening goes large"
    assert any(reason.startswith("session: nothing new was asked") for reason in in_loop.reasons)
    assert asked_again.model == "little/small"
    assert talking.record(asked_again._request_id or "").rule == "default"


def test_a_tool_loop_nobody_knows_is_decided_by_the_rules(talking: GatewayProcess) -> None:
    call = {"id": "call_0", "type": "function", "function": {"name": "look_up", "arguments": "{}"}}
    loop = [
        user("Look up a weather nobody asked for"),
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_0", "content": "18 degrees"},
    ]

    record = recorded(talking, "opening", *loop)

    assert (record.rule, record.deployment) == ("default", "little")


def test_a_loop_that_may_not_go_down_is_answered_all_the_same(talking: GatewayProcess) -> None:
    """A rule sends loops small, and the session is large: whichever wins, the client gets its answer."""
    opening = user("Look up the weather where loops go small")
    recorded(talking, "small-loops", opening)

    record = recorded(
        talking, "small-loops", opening, assistant("I will"), {"role": "tool", "tool_call_id": "0", "content": "18"}
    )

    assert (record.outcome, record.status) == ("ok", 200), record.excluded


@pytest.mark.parametrize(
    "reminder",
    [
        "<system-reminder>\nThe file main.py was changed.\n</system-reminder>",
        "<environment_context>\n<cwd>/src</cwd>\n</environment_context>",
        [{"type": "text", "text": "<system-reminder>Your list of tasks is empty.</system-reminder>"}],
    ],
    ids=["reminder", "environment", "parts"],
)
def test_what_a_coding_agent_says_in_the_users_name_is_no_human_turn(
    talking: GatewayProcess, request: pytest.FixtureRequest, reminder: Any
) -> None:
    opening = user(f"Repair the build, attempt {request.node.name}")
    first = recorded(talking, "opening", opening)

    record = recorded(talking, "opening", opening, assistant("I am at it"), {"role": "user", "content": reminder})

    assert (first.deployment, record.deployment) == ("big", "big")
    assert record.session == first.session
    assert record.signals is not None
    assert (record.signals.turns, record.signals.tool_loop) == (1, True)


def test_a_reminder_that_changes_does_not_make_another_conversation(talking: GatewayProcess) -> None:
    def opening(hour: int) -> dict[str, Any]:
        return user(f"<system-reminder>It is {hour} o'clock</system-reminder>\nRepair the clock")

    sessions = {recorded(talking, "either", opening(hour)).session for hour in (9, 10)}

    assert len(sessions) == 1


def test_the_session_header_groups_requests_of_any_text(talking: GatewayProcess) -> None:
    records = [recorded(talking, "either", user(f"Text {number}"), headers=named("one")) for number in range(12)]
    other = recorded(talking, "either", user("Text 0"), headers=named("another"))

    assert len({record.session for record in records}) == 1
    assert len({record.deployment for record in records}) == 1
    assert other.session != records[0].session


def test_metadata_groups_them_too(talking: GatewayProcess, talker: OpenAI) -> None:
    answers = [
        talker.chat.completions.create(
            model="either",
            messages=[{"role": "user", "content": f"Text {number}"}],
            metadata={"session_id": "in metadata"},
        )
        for number in range(12)
    ]

    assert len({answer.model for answer in answers}) == 1
    assert len({talking.record(answer._request_id or "").session for answer in answers}) == 1


def test_requests_without_a_name_and_of_other_text_are_other_conversations(talking: GatewayProcess) -> None:
    sessions = {recorded(talking, "either", user(f"Unnamed {number}")).session for number in range(4)}

    assert len(sessions) == 4


@pytest.mark.parametrize("headers", [named("shared"), {}], ids=["named", "unnamed"])
def test_two_keys_never_share_a_conversation(talking: GatewayProcess, headers: dict[str, str]) -> None:
    opening = user("The same words")
    ours = recorded(talking, "guarded", opening, assistant("Yes?"), user(f"Write to {MAIL}"), headers=headers)

    theirs = recorded(
        talking, "guarded", opening, assistant("Yes?"), user("Write a poem"), headers=headers, key=OTHER_KEY
    )

    assert theirs.key_id != ours.key_id
    assert theirs.session != ours.session
    assert (ours.deployment, theirs.deployment) == ("home", "abroad")
    assert theirs.context is None or theirs.context.session is None


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_once_it_held_an_address_a_named_session_stays_restricted(
    talking: GatewayProcess, upstream: ScriptedUpstream, stream: bool
) -> None:
    session = named(f"of a person, {stream}")
    recorded(talking, "guarded", user(f"Write to {MAIL}"), headers=session, stream=stream)

    later = recorded(talking, "guarded", user("Write a poem"), headers=session, stream=stream)
    other = recorded(talking, "guarded", user("Write a poem"), headers=named("of nobody"), stream=stream)

    assert models_called(upstream) == ["home/small", "home/small", "abroad/small"]
    assert later.excluded["abroad"] == "constraint 'personal data stays home'"
    assert later.signals is not None
    assert later.signals.sensitivity == "personal"
    assert other.deployment == "abroad"


def test_so_does_one_whose_first_request_was_refused(talking: GatewayProcess, upstream: ScriptedUpstream) -> None:
    refused = recorded(talking, "guarded-abroad", user(f"Write to {MAIL}"), headers=named("refused"))

    later = recorded(talking, "guarded-abroad", user("Write a poem"), headers=named("refused"))

    assert (refused.outcome, later.outcome) == ("refused", "refused")
    assert upstream.ledger.received == ()


def test_so_does_an_unnamed_conversation_whose_client_drops_the_turn(
    talking: GatewayProcess, upstream: ScriptedUpstream
) -> None:
    beginning = [user("A conversation whose middle is dropped"), assistant("Yes?")]
    recorded(talking, "guarded", *beginning, user(f"Write to {MAIL}"))

    recorded(talking, "guarded", *beginning, user("Write a poem"))

    assert models_called(upstream) == ["home/small", "home/small"]


def test_a_new_conversation_that_begins_alike_lifts_no_restriction(
    talking: GatewayProcess, upstream: ScriptedUpstream
) -> None:
    """Many users behind one key open with the same words."""
    beginning = [user("Good morning"), assistant("Yes?")]
    recorded(talking, "guarded", *beginning, user(f"Write to {MAIL}"))
    recorded(talking, "guarded", user("Good morning"))

    recorded(talking, "guarded", *beginning, user("Write a poem"))

    assert models_called(upstream)[-1] == "home/small"


def test_a_request_that_ends_late_lifts_no_restriction(talking: GatewayProcess, upstream: ScriptedUpstream) -> None:
    """One that began before the address came, and ends after it, has not seen it."""
    session = named("of parallel requests")
    with ThreadPoolExecutor(1) as pool:
        late = pool.submit(recorded, talking, "slow", user("Think about poems"), headers=session)
        eventually(lambda: upstream.ledger.received or None, "the slow call")
        recorded(talking, "guarded", user(f"Write to {MAIL}"), headers=session)
        late.result()

    recorded(talking, "guarded", user("Write a poem"), headers=session)

    assert models_called(upstream) == ["slow/slow:600", "home/small", "home/small"]


def test_a_restriction_holds_while_the_request_that_brought_it_is_under_way(
    talking: GatewayProcess, upstream: ScriptedUpstream
) -> None:
    session = named("of impatient requests")
    with ThreadPoolExecutor(1) as pool:
        personal = pool.submit(recorded, talking, "slow", user(f"Think about {MAIL}"), headers=session)
        eventually(lambda: upstream.ledger.received or None, "the slow call")
        recorded(talking, "guarded", user("Write a poem"), headers=session)
        personal.result()

    assert models_called(upstream) == ["slow/slow:600", "home/small"]


def test_session_and_context_stand_in_the_report_and_no_text_does(talking: GatewayProcess) -> None:
    first = [user(f"{CANARY} is what I ask"), assistant(f"{CANARY} is what I say")]
    headers = named(f"session of {CANARY}")
    recorded(talking, "opening", first[0], headers=headers)
    record = recorded(talking, "opening", *first, user(f"{CANARY} again"), headers=headers, metadata={"note": CANARY})

    printed = decisions_as_json(talking)

    told = next(line for line in map(json.loads, printed.splitlines()) if line["id"] == record.id)
    assert re.fullmatch("[0-9a-f]{24}", told["session"])
    assert told["session"] == record.session
    assert told["context"]["session"]["deployment"] == "big"
    assert told["context"]["session"]["rule"] == "an opening goes large"
    assert CANARY not in printed
    assert CANARY not in talking.log()


def decisions_as_json(talking: GatewayProcess) -> str:
    """What `sizewise report decisions --json` prints of the gateway's records."""
    command = [sys.executable, "-m", "gateway", "report", "decisions", "--json"]
    url = database_url(talking._directory)
    return subprocess.run(
        [*command, "--database-url", url], check=True, capture_output=True, text=True, timeout=20
    ).stdout
