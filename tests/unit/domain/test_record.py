import msgspec
import pytest

from gateway.domain.record import RequestRecord
from tests.builders import a_record


@pytest.mark.parametrize(("cost", "baseline", "saving"), [(200, 900, 700), (900, 200, -700), (0, 0, 0)])
def test_the_saving_is_the_baseline_less_the_cost(cost: int, baseline: int, saving: int) -> None:
    assert a_record(cost_nano_usd=cost, baseline_cost_nano_usd=baseline).saving_nano_usd == saving


@pytest.mark.parametrize(("cost", "baseline"), [(None, 900), (200, None), (None, None)])
def test_an_unknown_cost_or_baseline_makes_the_saving_unknown_never_zero(
    cost: int | None, baseline: int | None
) -> None:
    assert a_record(cost_nano_usd=cost, baseline_cost_nano_usd=baseline).saving_nano_usd is None


def test_a_record_comes_back_from_json_as_it_was() -> None:
    record = a_record()

    assert msgspec.json.decode(msgspec.json.encode(record), type=RequestRecord) == record
