import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.cli.report import report
from gateway.domain.feedback import Feedback
from gateway.domain.kept_text import KeptText
from gateway.domain.record import RequestRecord
from gateway.store.feedback_keeper import FeedbackKeeper
from gateway.store.sinks import open_sink
from gateway.store.upgrade import upgrade
from gateway.store.urls import DATABASE_URL_VARIABLE
from tests.builders import a_kept_text, a_record


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/records.db"


def _filled(url: str, *records: RequestRecord, texts: Sequence[KeptText] = ()) -> None:
    upgrade(url)
    sink = open_sink(url)
    sink.write(records, texts)
    sink.close()


def _run(*arguments: str, url: str) -> Result:
    return CliRunner().invoke(report, arguments, env={DATABASE_URL_VARIABLE: url})


def test_decisions_are_a_table_for_people(url: str) -> None:
    _filled(url, a_record())

    result = _run("decisions", url=url)

    assert result.exit_code == 0
    headings, row = result.stdout.splitlines()
    assert headings.split("  ")[0] == "TIME (UTC)"
    assert row.startswith("2026-09-21 14:13:20  req-1  auto   easy goes small  small-a     ok        12+30")
    assert row.split()[-4:] == ["0.0000198", "0.0003102", "40", "0.70"]


def test_what_is_unknown_is_a_dash_never_zero(url: str) -> None:
    _filled(url, a_record(cost_nano_usd=None, usage=None, deployment=None))

    row = _run("decisions", url=url).stdout.splitlines()[1]

    assert row.split()[-5:] == ["-", "-", "-", "40", "0.70"]


def test_an_alias_cannot_write_on_the_terminal(url: str) -> None:
    _filled(url, a_record(alias="\x1b[2J" + "a" * 100))

    row = _run("decisions", url=url).stdout.splitlines()[1]

    assert "\x1b" not in row
    assert f"?[2J{'a' * 35}… " in row


def test_json_is_one_object_a_line(url: str) -> None:
    _filled(url, a_record(), a_record("req-2", cost_nano_usd=None))

    lines = _run("decisions", "--json", url=url).stdout.splitlines()

    first, second = map(json.loads, lines)
    assert (first["id"], first["received_at"]) == ("req-1", "2026-09-21T14:13:20+00:00")
    assert (first["saving_nano_usd"], second["saving_nano_usd"]) == (310_200, None)
    assert first["attempts"][0]["deployment"] == "small-a"


@pytest.mark.parametrize(
    "option",
    [
        ("--outcome", "failed"),
        ("--policy", "p2"),
        ("--rule", "r2"),
        ("--alias", "a2"),
        ("--since", "2026-10-01"),
        ("--since", "2026-10-01T00:00:00+02:00"),
        ("--limit", "1"),
    ],
)
def test_an_option_narrows_the_list(url: str, option: tuple[str, str]) -> None:
    other = a_record("other", outcome="failed", policy="p2", rule="r2", alias="a2", received_at=1_791_000_000.0)
    _filled(url, a_record(), other)

    lines = _run("decisions", "--json", *option, url=url).stdout.splitlines()

    assert [json.loads(line)["id"] for line in lines] == ["other"]


def test_a_span_counts_back_from_now(url: str) -> None:
    _filled(url, a_record(received_at=1_000_000_000.0))

    result = _run("decisions", "--since", "7d", url=url)

    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "no such requests\n")


@pytest.mark.parametrize(
    "wrong", [("--since", "yesterday"), ("--since", "999999w"), ("--outcome", "good"), ("--limit", "0")]
)
def test_wrong_use_exits_with_2(url: str, wrong: tuple[str, str]) -> None:
    _filled(url)

    assert _run("decisions", *wrong, url=url).exit_code == 2


def test_explain_tells_the_story_of_one_request(url: str) -> None:
    _filled(url, a_record("req-abc"), a_record("req-xyz"))

    result = _run("explain", "req-a", url=url)

    assert result.exit_code == 0
    assert result.stdout.startswith("Request: req-abc, 2026-09-21 14:13:20 UTC\n")


def test_explain_as_json_is_the_record(url: str) -> None:
    _filled(url, a_record())

    found = json.loads(_run("explain", "req-1", "--json", url=url).stdout)

    assert found["reasons"] == ["rule 'easy goes small': classification.small_ok >= quality.threshold"]


def test_explain_tells_the_feedback_there_is(url: str) -> None:
    _filled(url, a_record(), a_record("silent"))
    said = Feedback(request_id="req-1", score=0.9, label="good", comment="a\x1bb", given_at=1_790_000_000.0)
    FeedbackKeeper(url).keep(said, "test")

    told, silent = _run("explain", "req", url=url).stdout, _run("explain", "silent", url=url).stdout
    as_json = json.loads(_run("explain", "req-1", "--json", url=url).stdout)

    assert told.splitlines()[-1] == 'Feedback: good (score 0.9), "a?b", given 2026-09-21 14:13:20 UTC'
    assert "Feedback" not in silent
    assert as_json["feedback"]["comment"] == "a\x1bb"


def test_an_unknown_id_exits_with_1(url: str) -> None:
    _filled(url, a_record())

    result = _run("explain", "nope", url=url)

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "Error: no request 'nope'; `sizewise report decisions` lists them\n"


def test_an_ambiguous_id_exits_with_1_and_names_candidates(url: str) -> None:
    _filled(url, a_record("req-1"), a_record("req-2"))

    result = _run("explain", "req", url=url)

    assert result.exit_code == 1
    assert "more than one request id begins with 'req': req-1, req-2" in result.stderr


def test_an_empty_id_is_wrong_use(url: str) -> None:
    assert _run("explain", "", url=url).exit_code == 2


@pytest.mark.parametrize("command", [("decisions",), ("explain", "req-1")])
def test_no_database_yet_says_to_start_the_gateway(url: str, tmp_path: Path, command: tuple[str, ...]) -> None:
    result = _run(*command, url=url)

    assert result.exit_code == 1
    assert result.stderr.startswith("Error: no records yet: there is no database at sqlite:///")
    assert result.stderr.endswith("; start the gateway first (`sizewise serve`)\n")
    assert list(tmp_path.iterdir()) == []


def test_a_database_that_is_down_is_one_line_without_its_password() -> None:
    result = _run("decisions", url="postgresql://user:pw-to-hide@127.0.0.1:1/none")

    assert result.exit_code == 1
    assert len(result.stderr.splitlines()) == 1
    assert "pw-to-hide" not in result.stderr


def test_a_database_we_do_not_know_is_wrong_use() -> None:
    assert _run("decisions", url="mysql://host/name").exit_code == 2


def test_the_text_is_told_only_to_who_asks_for_it(url: str) -> None:
    _filled(url, a_record(), texts=[a_kept_text()])

    without, with_text = _run("explain", "req-1", url=url), _run("explain", "req", "--text", url=url)

    assert "capital of France" not in without.stdout
    assert "capital of France" not in _run("explain", "req-1", "--json", url=url).stdout
    assert with_text.stdout.startswith(without.stdout)
    assert with_text.stdout.endswith("user:\n  What is the capital of France?\nAnswer:\n  Paris.\n")


def test_where_no_text_is_kept_it_is_told_why(url: str) -> None:
    _filled(url, a_record())

    told, as_json = _run("explain", "req-1", "--text", url=url), _run("explain", "req-1", "--text", "--json", url=url)

    assert "Text: no text of request 'req-1' is kept: policy 'default' has none kept" in told.stdout
    assert json.loads(as_json.stdout)["text"] is None


def test_the_text_is_in_the_json_where_asked_for(url: str) -> None:
    _filled(url, a_record(), texts=[a_kept_text()])

    found = json.loads(_run("explain", "req-1", "--text", "--json", url=url).stdout)

    assert (found["id"], found["text"]["answer"]) == ("req-1", "Paris.")
