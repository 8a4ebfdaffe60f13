import json
from pathlib import Path

import click
import pytest

from gateway.cli.holder_setting import Setting, set_and_tell
from gateway.domain.allowances import BudgetTerms
from tests.keys import NOW_S, upgraded

_NONE = dict.fromkeys(("rpm", "rpd", "tpm", "tpd", "concurrent"))
_BUDGET = BudgetTerms(period="day", limit_nano_usd=1)


def test_budgets_are_kept_unless_others_are_given_or_all_are_taken_away(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = upgraded(tmp_path)
    settings = (
        Setting(limits=_NONE, budgets=(_BUDGET,)),
        Setting(limits={**_NONE, "rpm": 5}),
        Setting(limits=_NONE, no_limits=True),
    )

    for setting in settings:
        set_and_tell(url, "claims", "", setting, now_s=NOW_S, as_json=True)

    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(each["limits"], len(each["budgets"])) for each in told] == [
        ({}, 1),
        ({"requests_per_minute": 5}, 1),
        ({}, 0),
    ]


def test_a_database_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(click.ClickException, match="db upgrade"):
        set_and_tell(f"sqlite:///{tmp_path}/x.db", "a", "", Setting(limits=_NONE), now_s=NOW_S, as_json=False)
