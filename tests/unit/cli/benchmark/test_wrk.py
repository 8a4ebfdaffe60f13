"""What wrk is told, and what it says."""

import pytest

from gateway.cli.benchmark.errors import BenchmarkError, ToolMissingError
from gateway.cli.benchmark.wire import Request
from gateway.cli.benchmark.wrk import Load, find_wrk, lua_script, parse_load

_RESULT = (
    'result {"requests":300,"duration_us":2000000,"bytes":9000,"p50_us":1500.0,"p99_us":4000.0,'
    '"connect":0,"read":0,"write":0,"timeout":%d,"status":%d}'
)


def test_a_result_is_found_among_what_wrk_prints() -> None:
    load = parse_load(f"Running 2s test\n\n{_RESULT % (0, 0)}\n")

    assert load == Load(requests=300, duration_s=2.0, size_bytes=9000, p50_ms=1.5, p99_ms=4.0)


def test_one_answer_with_an_error_status_spoils_the_measurement() -> None:
    with pytest.raises(BenchmarkError, match="1 answers with an error status beside 300"):
        parse_load(_RESULT % (0, 1))


def test_every_kind_of_error_is_named() -> None:
    with pytest.raises(BenchmarkError, match="2 answers too late, 7 answers with an error status"):
        parse_load(_RESULT % (2, 7))


def test_a_load_without_an_answer_is_no_measurement() -> None:
    with pytest.raises(BenchmarkError, match="not one answer"):
        parse_load((_RESULT % (0, 0)).replace('"requests":300', '"requests":0'))


def test_output_without_a_result_is_an_error() -> None:
    with pytest.raises(BenchmarkError, match="unable to connect"):
        parse_load("unable to connect")


def test_no_byte_of_body_or_header_can_end_the_scripts_string() -> None:
    request = Request(port=1, path="/", headers={"X-Odd": 'a"\n'}, body='{"é": "]]"}'.encode())

    script = lua_script(request)

    assert 'wrk.headers["X\\045Odd"] = "a\\034\\010"' in script
    assert 'wrk.body = "\\123\\034\\195\\169\\034\\058\\032\\034\\093\\093\\034\\125"' in script


def test_a_missing_wrk_is_named_with_the_next_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")

    with pytest.raises(ToolMissingError, match="install wrk"):
        find_wrk()
