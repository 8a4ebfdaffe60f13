"""A real run, as short as it can be."""

import json
import tempfile
from pathlib import Path

import pytest
from click.testing import CliRunner

from gateway.cli.bench import bench


@pytest.mark.service("wrk")
def test_a_quick_run_measures_the_gateway_and_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    page = tmp_path / "benchmarks.md"
    arguments = ["--quick", "--only", "sizewise", "--scenarios", "1k-1,stream-1,first-token", "--json"]

    result = CliRunner().invoke(bench, [*arguments, "--markdown", str(page)])

    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    assert [each["name"] for each in document["results"]] == ["1k-1", "stream-1", "first-token"]
    for found in document["results"]:
        assert list(found["rounds"]) == ["direct", "sizewise"]
    (ours,) = document["results"][0]["rounds"]["sizewise"]
    assert ours["requests_per_s"] > 10
    assert 0 < ours["cpu_us"] < 100_000
    assert ours["rss_mb"] > 10
    assert "| sizewise |" in page.read_text(encoding="utf-8")
    assert list(tmp_path.iterdir()) == [page]
