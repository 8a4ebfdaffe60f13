from gateway.domain.allowances import Allowance, BudgetTerms, Limits
from gateway.domain.meters import Meter, Need, meters_of, need_of, need_of_call, share_of
from gateway.domain.request import Message
from tests.builders import a_deployment, a_policy, a_price, a_request, a_route

BUDGET = BudgetTerms(period="day", limit_nano_usd=1_000)
MONEY = meters_of((Allowance(owner="team:t", budgets=(BUDGET,)),))
RATES = meters_of((Allowance(owner="key:k", limits=Limits(requests_per_minute=10, tokens_per_day=100)),))


def test_each_limit_and_each_budget_of_each_owner_is_a_meter() -> None:
    limits = Limits(requests_per_minute=1, requests_per_day=2, tokens_per_minute=3, tokens_per_day=4, concurrent=5)
    soft = BudgetTerms(period="day", limit_nano_usd=9, is_hard=False)

    meters = meters_of((Allowance(owner="key:k", limits=limits, budgets=(BUDGET, soft)), Allowance(owner="team:t")))

    assert {meter.key: meter.limit for meter in meters} == {
        "key:k:requests_per_minute": 1,
        "key:k:requests_per_day": 2,
        "key:k:tokens_per_minute": 3,
        "key:k:tokens_per_day": 4,
        "key:k:concurrent": 5,
        "key:k:budget_day": 1_000,
        "key:k:soft_budget_day": 9,
    }


def test_what_is_said_twice_is_counted_once_at_its_tightest() -> None:
    twice = tuple(Allowance(owner="key:k", limits=Limits(concurrent=calls)) for calls in (5, 3, 4))

    assert [meter.limit for meter in meters_of(twice)] == [3]


def test_a_need_is_told_in_the_unit_of_the_meter() -> None:
    need = Need(tokens=7, nano_usd=70)

    assert [need.of(meter) for meter in (*RATES, *MONEY)] == [1, 7, 70]


def test_a_prompt_counts_by_its_size_and_an_answer_by_the_longest_that_may_come() -> None:
    assert need_of(a_request(size_bytes=400, max_output_tokens=50), a_policy(), RATES) == Need(tokens=150)
    assert need_of(a_request(size_bytes=400), a_policy(), RATES) == Need(tokens=400)


def test_the_bytes_of_a_picture_are_no_tokens() -> None:
    many = a_request(payload={"n": 128}, size_bytes=400, max_output_tokens=50)
    assert need_of(many, a_policy(), RATES) == Need(tokens=100 + 128 * 50)

    seen = a_request(messages=(Message(role="user", text="x" * 400, images=2),), size_bytes=10**7, max_output_tokens=1)

    assert need_of(seen, a_policy(), RATES) == Need(tokens=2_101)


def test_money_is_held_at_the_dearest_price_the_policy_may_send_it_to() -> None:
    cheap = a_route("cheap", a_deployment("a", price=a_price(1, 1)), a_deployment("b", price=None))
    dear = a_route("dear", a_deployment("c", price=a_price(2, 2)), then=(a_deployment("d", price=a_price(3, 1)),))
    policy = a_policy(default=cheap, routes={"cheap": cheap, "dear": dear})

    assert need_of(a_request(size_bytes=400, max_output_tokens=10), policy, MONEY).nano_usd == 310
    assert need_of(a_request(size_bytes=400, max_output_tokens=200), policy, MONEY).nano_usd == 600


def test_where_no_deployment_has_a_price_no_money_is_held() -> None:
    policy = a_policy(default=a_route("r", a_deployment(price=None)))

    assert need_of(a_request(), policy, MONEY).nano_usd == 0


def test_a_share_is_a_part_of_a_rate_and_of_what_is_left_of_a_budget_and_never_nothing() -> None:
    rate, money = RATES[0], MONEY[0]

    assert [share_of(rate, count).limit for count in (2, 3, 1_000)] == [5, 3, 1]
    assert share_of(money, 2, known_nano_usd=400).limit == 700
    assert share_of(money, 2, known_nano_usd=5_000).limit == 1_000
    assert share_of(_of_nothing(rate), 2).limit == 0


def _of_nothing(meter: Meter) -> Meter:
    return meters_of((Allowance(owner=meter.owner, limits=Limits(requests_per_minute=0)),))[0]


def test_a_call_counts_for_as_many_tokens_as_its_request() -> None:
    request = a_request(size_bytes=400, max_output_tokens=50)

    assert need_of_call(request) == need_of(request, a_policy(), RATES) == Need(tokens=150)
