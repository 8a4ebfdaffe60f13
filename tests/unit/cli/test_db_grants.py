from click.testing import CliRunner

from gateway.cli.main import main
from gateway.store.grants import grant_statements


def test_the_grants_are_printed_one_statement_a_line() -> None:
    result = CliRunner().invoke(main, ["db", "grants", "serving"])

    assert result.exit_code == 0
    assert result.stdout.splitlines() == list(grant_statements("serving"))
    assert 'GRANT SELECT ON virtual_keys TO "serving";' in result.stdout
