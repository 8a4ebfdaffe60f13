"""From an answer to what its client says of it, and to where an operator sees that; and what is refused."""

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import func, select, text

from gateway.api.headers import new_request_id
from gateway.cli.report import report
from gateway.providers.scripted import ScriptedUpstream
from gateway.store.engine import open_engine
from gateway.store.feedback_tables import FEEDBACK
from gateway.store.rollup_tables import ROLLUP_MARKS
from gateway.store.urls import DATABASE_URL_VARIABLE
from tests.api.policies import demo_policies
from tests.gateway_process import KEY, GatewayProcess, Reply, database_url, running_gateway

OTHER_KEY = "another-key-for-tests"
ASK = {"model": "auto", "messages": [{"role": "user", "content": "Translate to French: hello"}]}


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("feedback")


@pytest.fixture(scope="module")
def served(upstream_server: ScriptedUpstream, directory: Path) -> Iterator[GatewayProcess]:
    """A gateway of its own, whose rows are counted; its database has been made."""
    environment = {
        "SIZEWISE_DEMO_UPSTREAM": f"{upstream_server.url}/v1",
        "SIZEWISE_API_KEYS": f"{KEY},{OTHER_KEY}",
        "SIZEWISE_HOUSEKEEPING_S": "3600",
    }
    with running_gateway(directory, {"default.yaml": demo_policies()}, environment) as running:
        running.record(running.chat(ASK).headers["x-request-id"])
        yield running


def give(gateway: GatewayProcess, said: dict[str, Any], path: str = "/v1/feedback", key: str = KEY) -> Reply:
    return gateway.request("POST", path, json.dumps(said).encode(), key=key)


def counted(directory: Path) -> tuple[int, int]:
    """Rows of feedback, and of marks."""
    engine = open_engine(database_url(directory))
    with engine.connect() as connection:
        feedback, marks = (
            connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in (FEEDBACK, ROLLUP_MARKS)
        )
    engine.dispose()
    return feedback, marks


def command(directory: Path, *arguments: str) -> Result:
    return CliRunner().invoke(report, arguments, env={DATABASE_URL_VARIABLE: database_url(directory)})


def test_the_whole_life_of_a_word_on_an_answer(served: GatewayProcess, directory: Path) -> None:
    request_id = served.chat(ASK).headers["x-request-id"]

    given = give(served, {"request_id": request_id, "score": 0.9, "comment": "très bien"})  # at once: it is waited for

    assert given.status == 200
    assert given.json()["label"] == "good"
    explained = command(directory, "explain", request_id).stdout
    assert 'Feedback: good (score 0.9), "très bien", given 20' in explained
    told = json.loads(served.admin(f"/admin/decisions/{request_id}").body)
    assert (told["feedback"]["score"], told["story"][-1]) == (0.9, explained.splitlines()[-1])
    (saved,) = map(json.loads, command(directory, "savings", "--json").stdout.splitlines())
    assert (saved["feedback_good"], saved["feedback_bad"]) == (1, 0)
    exported = {line["id"]: line for line in map(json.loads, command(directory, "export").stdout.splitlines())}
    assert exported[request_id]["feedback"]["comment"] == "très bien"

    assert give(served, {"request_id": request_id, "label": "bad"}).status == 200

    assert "1/0" not in command(directory, "savings").stdout
    assert "0/1" in command(directory, "savings").stdout


def test_all_spellings_take_it(served: GatewayProcess) -> None:
    request_id = served.chat(ASK).headers["x-request-id"]
    paths = ("/v1/feedback", "/feedback", "/v1/feedback/", "/feedback/")

    replies = [give(served, {"request_id": request_id, "label": "good"}, path) for path in paths]

    assert [reply.status for reply in replies] == [200] * 4
    assert "/v1/feedback" in served.request("GET", "/openapi.json").json()["paths"]


def test_another_keys_request_and_an_unknown_one_are_told_alike_and_change_nothing(
    served: GatewayProcess, directory: Path
) -> None:
    request_id = served.chat(ASK).headers["x-request-id"]
    served.record(request_id)
    before = counted(directory)
    unknown = new_request_id()

    of_another, of_nobody = (
        give(served, {"request_id": asked, "label": "bad"}, key=OTHER_KEY) for asked in (request_id, unknown)
    )

    assert of_another.status == of_nobody.status == 503  # as young as they are, they may be on their way
    assert of_another.body.replace(request_id.encode(), b"") == of_nobody.body.replace(unknown.encode(), b"")
    assert int(of_another.headers["retry-after"]) == int(of_nobody.headers["retry-after"]) > 0
    assert counted(directory) == before


def test_an_old_request_of_another_key_is_not_found(served: GatewayProcess, directory: Path) -> None:
    young = served.chat(ASK).headers["x-request-id"]
    served.record(young)
    old = f"{int(time.time() * 1000) - 3_600_000:012x}{young[12:]}"
    engine = open_engine(database_url(directory))
    with engine.begin() as connection:
        connection.execute(text("UPDATE requests SET id = :old WHERE id = :young"), {"old": old, "young": young})
    engine.dispose()
    before = counted(directory)

    started_s = time.monotonic()
    of_another, of_nobody = (
        give(served, {"request_id": asked, "label": "bad"}, key=OTHER_KEY) for asked in (old, old[:-1] + "x")
    )
    took_s = time.monotonic() - started_s

    assert (of_another.status, of_another.json()["error"]["code"]) == (404, "request_not_found")
    assert of_nobody.status == 404
    assert took_s < 2.0
    assert counted(directory) == before
    assert give(served, {"request_id": old, "label": "bad"}).status == 200


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"request_id": "r"},
        {"request_id": "r", "score": 2},
        {"request_id": "r", "score": 0.1, "label": "good"},
        {"request_id": "r", "label": "good", "comments": "x"},
        {"request_id": "r", "label": "good", "comment": "x" * 2_001},
    ],
)
def test_bad_input_is_named_and_changes_nothing(served: GatewayProcess, directory: Path, said: dict[str, Any]) -> None:
    before = counted(directory)

    reply = give(served, said)

    error = reply.json()["error"]
    assert (reply.status, error["code"], error["type"]) == (400, "invalid_request", "invalid_request_error")
    assert error["param"] in ("request_id", "score", "label", "comment", "comments")
    assert counted(directory) == before


def test_a_body_that_is_too_large_is_told_so(served: GatewayProcess) -> None:
    reply = give(served, {"request_id": "r", "label": "good", "comment": "x" * 1_000_000})

    assert (reply.status, reply.json()["error"]["code"]) == (413, "body_too_large")


def test_no_feedback_without_a_key(served: GatewayProcess) -> None:
    assert give(served, {"request_id": "r", "label": "good"}, key="wrong").status == 401


def test_a_database_that_is_locked_or_gone_holds_up_no_request(
    upstream_server: ScriptedUpstream, tmp_path: Path
) -> None:
    environment = {"SIZEWISE_DEMO_UPSTREAM": f"{upstream_server.url}/v1"}
    with running_gateway(tmp_path, {"default.yaml": demo_policies()}, environment) as gateway:
        request_id = gateway.chat(ASK).headers["x-request-id"]
        gateway.record(request_id)
        said = {"request_id": request_id, "label": "good"}
        engine = open_engine(database_url(tmp_path))
        with engine.begin() as connection, ThreadPoolExecutor(4) as givers:
            connection.execute(text("DELETE FROM rollup_marks"))  # takes the write lock
            waiting = [givers.submit(give, gateway, said) for _ in range(4)]
            time.sleep(0.3)
            took_s = [_timed(gateway) for _ in range(10)]
            replies = [each.result() for each in waiting]
            connection.rollback()
        engine.dispose()
        later = give(gateway, said)

    assert {reply.status for reply in replies} == {503}
    assert {reply.json()["error"]["code"] for reply in replies} == {"database_unavailable"}
    assert all(int(reply.headers["retry-after"]) > 0 for reply in replies)
    assert sorted(took_s)[5] < 0.5
    assert later.status == 200
    assert counted(tmp_path)[0] == 1


def _timed(gateway: GatewayProcess) -> float:
    started_s = time.monotonic()
    assert gateway.chat(ASK).status == 200
    return time.monotonic() - started_s
