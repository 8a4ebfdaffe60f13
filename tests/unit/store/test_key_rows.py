from gateway.domain.allowances import BudgetTerms, Limits
from gateway.domain.keyring import Holder
from gateway.store.key_rows import KeptKey, holder, kept_key
from tests.keys import a_stored_key


def test_a_row_becomes_a_key_and_its_digest() -> None:
    texts = ("k", "abcd", "v1-000000", "claims", "bot")
    documents = ('["eu"]', '["auto"]', '{"concurrent": 3}', '[{"period": "day", "limit_nano_usd": 5}]')

    kept = kept_key((*texts, *documents, 10.0, None, 20.0, memoryview(b"digest")))

    assert kept == KeptKey(
        key=a_stored_key(
            id="k",
            pepper_version="v1-000000",
            team="claims",
            app="bot",
            tags=("eu",),
            models=("auto",),
            limits=Limits(concurrent=3),
            budgets=(BudgetTerms(period="day", limit_nano_usd=5),),
            expires_at=10.0,
            revoked_at=20.0,
        ),
        digest=b"digest",
    )


def test_a_key_without_a_list_of_models_has_none() -> None:
    kept = kept_key(("k", "abcd", "v1-000000", "", "", "[]", None, "{}", "[]", None, None, None, b""))

    assert kept.key.models is None


def test_a_row_becomes_a_holder() -> None:
    row = ("claims", "", '{"tokens_per_day": 7}', "[]", 30.0)

    assert holder(row) == Holder(team="claims", limits=Limits(tokens_per_day=7), disabled_at=30.0)
