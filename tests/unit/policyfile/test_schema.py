from decimal import Decimal

import pytest
from pydantic import ValidationError

from gateway.policyfile.schema import NESTED, SECTIONS, RawPrice, RawQuality, RawRoute, keys_of


def test_keys_are_given_as_files_write_them() -> None:
    assert keys_of(RawRoute)[:7] == ["name", "try", "strategy", "weights", "then", "retries", "timeout"]


@pytest.mark.parametrize("model", [*SECTIONS.values(), *NESTED.values()])
def test_no_model_takes_an_unknown_key(model: type[RawRoute]) -> None:
    with pytest.raises(ValidationError) as caught:
        model.model_validate({"nonsense": 1})

    assert "extra_forbidden" in {error["type"] for error in caught.value.errors()}


@pytest.mark.parametrize(
    "keys",
    [
        ["input_per_mtok_usd"],
        ["output_per_mtok_usd"],
        ["cached_input_per_mtok_usd"],
        ["gpu_hour_usd"],
        ["gpu_hour_usd", "tokens_per_second", "cached_input_per_mtok_usd"],
        ["gpu_hour_usd", "tokens_per_second", "input_per_mtok_usd", "output_per_mtok_usd"],
        [],
    ],
)
def test_a_price_has_one_of_its_two_forms(keys: list[str]) -> None:
    with pytest.raises(ValidationError, match="needs input_per_mtok_usd and output_per_mtok_usd, or gpu_hour_usd"):
        RawPrice.model_validate(dict.fromkeys(keys, 1))


@pytest.mark.parametrize("amount", [-1, Decimal("-0.1"), 2_000_000, Decimal("1e999"), "2.5", True, Decimal("1e-13")])
def test_a_price_is_a_number_of_dollars_that_can_be_counted(amount: object) -> None:
    with pytest.raises(ValidationError):
        RawPrice.model_validate({"input_per_mtok_usd": amount, "output_per_mtok_usd": 1})


@pytest.mark.parametrize(
    "quality", [{"threshold": Decimal("1.1")}, {"keep": 1}, {"keep": Decimal("0.9"), "confidence": 1}, {"keep": 0}]
)
def test_shares_stay_within_their_bounds(quality: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        RawQuality.model_validate(quality)


def test_confidence_needs_keep() -> None:
    with pytest.raises(ValidationError, match="it needs 'keep'"):
        RawQuality.model_validate({"confidence": Decimal("0.9"), "threshold": Decimal("0.5")})


def test_threshold_and_keep_exclude_each_other() -> None:
    with pytest.raises(ValidationError, match="keep one of them"):
        RawQuality.model_validate({"keep": Decimal("0.9"), "threshold": Decimal("0.5")})


@pytest.mark.parametrize(
    ("weights", "timeout"), [({"a": Decimal("1e-999")}, {}), ({"a": Decimal(1)}, {"total_s": Decimal("1e-999")})]
)
def test_what_is_nothing_as_a_float_is_not_above_0(weights: dict[str, Decimal], timeout: dict[str, Decimal]) -> None:
    with pytest.raises(ValidationError, match="is too near to 0"):
        RawRoute.model_validate(
            {"name": "r", "try": ["a"], "strategy": "weighted", "weights": weights, "timeout": timeout}
        )
