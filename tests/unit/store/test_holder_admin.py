"""What both databases do alike is in tests/contract/test_keys.py; here is what needs none."""

from pathlib import Path

import pytest

from gateway.domain.allowances import BudgetTerms
from gateway.domain.key_names import KeyTermsError
from gateway.store.engine import open_engine
from gateway.store.holder_admin import set_holder
from tests.keys import NOW_S, TESTER

_DAY = BudgetTerms(period="day", limit_nano_usd=1)


@pytest.mark.parametrize(
    ("team", "app", "budgets", "field"),
    [("", "", (), "team"), ("a", "b/c", (), "app"), ("a", "", (_DAY, _DAY), "budgets")],
)
def test_terms_that_cannot_be_are_refused_before_the_database_is_asked(
    tmp_path: Path, team: str, app: str, budgets: tuple[BudgetTerms, ...], field: str
) -> None:
    engine = open_engine(f"sqlite:///{tmp_path}/none.db")

    with pytest.raises(KeyTermsError) as caught:
        set_holder(engine, team, app, budgets=budgets, actor=TESTER, now_s=NOW_S)

    assert caught.value.field == field
