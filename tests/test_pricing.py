"""Usage times prices, pure: exact sums, cached tokens, published prices and their tiers."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import reduce
from operator import add

import pytest
from genai_prices.types import StartDateConstraint, TimeOfDateConstraint
from hypothesis import given
from hypothesis import strategies as st

from domain.pricing import (
    CostRecord,
    DatedPrice,
    InvalidPrice,
    PriceHistory,
    PublishedPrice,
    TokenPrices,
    cost_of,
    dated_cost,
    first_cost_of,
    priced_at,
    published_prices,
    total_usage,
)
from domain.records import EPOCH, ModelUsage

DAY = datetime(2026, 1, 1, tzinfo=UTC)

PRICES = TokenPrices.from_usd_per_token(1e-6, 1e-5, 1e-7, 2e-6)


def usage(
    model: str = "m", input_: int = 0, output: int = 0, read: int = 0, write: int = 0, reasoning: int = 0
) -> ModelUsage:
    return ModelUsage(model, input_, output, read, write, reasoning)


def total_usd(*usages: ModelUsage, prices: TokenPrices = PRICES) -> float | None:
    cost = cost_of(usages, {"m": prices})
    return None if cost is None else cost.total_usd


# -- prices as integers -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("usd", "femto"),
    [
        (0, 0),
        (-0.0, 0),
        (1.5e-7, 150_000_000),
        (2.5e-06, 2_500_000_000),
        (0.1, 10**14),
        (1e-15, 1),
        (1.4e-15, 1),
        (4e-16, 0),
        (1, 10**15),
        (9000, 9000 * 10**15),
    ],
)
def test_a_price_is_taken_by_its_shortest_decimal_text(usd: float, femto: int) -> None:
    assert TokenPrices.from_usd_per_token(usd, 0, 0, 0).input == femto


@pytest.mark.parametrize("usd", [-1e-15, -1, 9000.1, 1e300, float("inf"), float("-inf"), float("nan")])
def test_a_price_that_cannot_be_is_refused(usd: float) -> None:
    for prices in ((usd, 0, 0, 0), (0, usd, 0, 0), (0, 0, usd, 0), (0, 0, 0, usd)):
        with pytest.raises(InvalidPrice):
            TokenPrices.from_usd_per_token(*prices)


@given(st.decimals(min_value=0, max_value=9000, places=12, allow_nan=False))
def test_a_price_with_twelve_places_is_exact(usd: Decimal) -> None:
    kept = TokenPrices.from_usd_per_token(float(usd), 0, 0, 0).input
    # A float has some 16 digits: above that the shortest text is what was meant.
    assert abs(Fraction(kept, 10**15) - Fraction(usd)) <= Fraction(usd) / 10**15
    assert kept < 2**63


# -- costs ------------------------------------------------------------------------------------------------------------


def test_each_class_of_tokens_has_its_price_and_cached_input_is_not_paid_twice() -> None:
    assert cost_of([usage(input_=1000, output=200, read=300, write=100)], {"m": PRICES}) == CostRecord(
        input_usd=0.0006,
        output_usd=0.002,
        cache_read_usd=0.00003,
        cache_write_usd=0.0002,
        given_usd=0.0,
        total_usd=0.00283,
    )


def test_reasoning_tokens_are_part_of_the_output() -> None:
    assert total_usd(usage(output=200, reasoning=150)) == total_usd(usage(output=200)) == 0.002


def test_no_usage_and_no_price_is_no_cost() -> None:
    assert cost_of([], {"m": PRICES}) is None
    assert cost_of([usage("other", 1000)], {"m": PRICES}) is None
    assert cost_of([usage(input_=1000)], {}) is None


def test_a_price_of_nothing_and_a_use_of_nothing_cost_nothing() -> None:
    assert total_usd(usage(input_=1000), prices=TokenPrices(0, 0, 0, 0)) == 0.0
    assert total_usd(usage()) == 0.0


def test_models_without_a_price_are_left_out_of_the_sum() -> None:
    assert total_usd(usage(input_=1000), usage("other", 10**9)) == 0.001


def test_models_are_priced_each_by_its_own() -> None:
    prices = {"m": PRICES, "n": TokenPrices.from_usd_per_token(1, 0, 0, 0)}
    cost = cost_of([usage(input_=1000), usage("n", 2)], prices)
    assert cost is not None
    assert cost.total_usd == 2.001


def test_sums_are_exact_where_floats_drift() -> None:
    # 0.1 added ten times is 0.9999999999999999 in floats.
    tenth = TokenPrices.from_usd_per_token(0.1, 0, 0, 0)
    assert total_usd(*[usage(input_=1)] * 10, prices=tenth) == 1.0
    # Not sum(), which makes up for it since Python 3.12.
    assert reduce(add, [0.1] * 10) != 1.0


@given(
    st.lists(st.tuples(st.integers(0, 2**40), st.integers(0, 2**40)), min_size=1, max_size=20),
    st.integers(0, 10**13),
    st.integers(0, 10**13),
)
def test_a_sum_is_the_nearest_float_to_the_true_one(
    calls: list[tuple[int, int]], input_price: int, output_price: int
) -> None:
    prices = TokenPrices(input_price, output_price, 0, 0)
    true = sum(input_ * input_price + output * output_price for input_, output in calls)
    cost = cost_of([usage(input_=input_, output=output) for input_, output in calls], {"m": prices})
    assert cost is not None
    assert cost.total_usd == float(Fraction(true, 10**15))


def test_a_cost_that_the_client_gave_wins_over_prices() -> None:
    given = usage(input_=10**9)._replace(given_cost_nusd=1_500_000)
    assert cost_of([given, usage(input_=1000)], {"m": PRICES}) == CostRecord(
        input_usd=0.001, output_usd=0.0, cache_read_usd=0.0, cache_write_usd=0.0, given_usd=0.0015, total_usd=0.0025
    )


def test_a_given_cost_needs_no_price_and_may_be_nothing() -> None:
    for nusd, usd in ((1_500_000, 0.0015), (0, 0.0)):
        cost = cost_of([usage("unpriced", 1000)._replace(given_cost_nusd=nusd)], {})
        assert cost is not None
        assert (cost.given_usd, cost.total_usd) == (usd, usd)


def test_costs_do_not_depend_on_how_usage_is_grouped() -> None:
    calls = [usage(input_=3, output=1), usage(input_=5, read=2)]
    together = [usage(input_=8, output=1, read=2)]
    assert cost_of(calls, {"m": PRICES}) == cost_of(together, {"m": PRICES})


def test_absurd_counts_are_still_summed() -> None:
    most = usage(input_=2**63 - 1, output=2**63 - 1)
    assert total_usd(*[most] * 1000, prices=TokenPrices(2**63 - 1, 2**63 - 1, 0, 0)) == pytest.approx(1.7e26, rel=0.01)


def test_the_first_alternative_with_a_price_counts() -> None:
    prices = {"m": PRICES}
    unpriced, priced, other = [usage("x", 1)], [usage(input_=1000)], [usage(input_=2000)]
    first = first_cost_of([unpriced, priced, other], prices)
    assert first is not None
    assert first.total_usd == 0.001
    assert first_cost_of([unpriced], prices) is None
    assert first_cost_of([], prices) is None


def test_an_alternative_that_costs_nothing_counts_too() -> None:
    first = first_cost_of([[usage()], [usage(input_=1000)]], {"m": PRICES})
    assert first is not None
    assert first.total_usd == 0.0


def test_total_usage_sums_all_models() -> None:
    assert total_usage([usage("a", 1, 2, 3, 4, 5), usage("b", 10, 20, 30, 40, 50)]) == usage("", 11, 22, 33, 44, 55)
    assert total_usage([]) == usage("")


# -- published prices -------------------------------------------------------------------------------------------------


def usd_per_mtok(model: str, at: datetime = DAY) -> tuple[float, float, float, float] | None:
    found = PriceHistory((), published_prices(model)).at(at)
    if found is None:
        return None
    input_, output, read, write = (price / 10**9 for price in found.prices)
    return input_, output, read, write


def test_published_prices_come_with_the_package() -> None:
    assert usd_per_mtok("gpt-4o") == (2.5, 10.0, 1.25, 2.5)
    assert usd_per_mtok("gpt-4o-2024-08-06") == (2.5, 10.0, 1.25, 2.5)


def test_where_prices_are_tiered_by_context_the_base_tier_holds() -> None:
    assert usd_per_mtok("claude-sonnet-4-5") == (3.0, 15.0, 0.3, 3.75)
    assert usd_per_mtok("gemini-2.5-pro") == (1.25, 10.0, 0.125, 1.25)


def test_cached_tokens_without_a_price_cost_what_input_costs() -> None:
    assert usd_per_mtok("gpt-4-turbo") == (10.0, 30.0, 10.0, 10.0)


@pytest.mark.parametrize("model", ["", "house-model", "\ufffd", "x" * 512, "gpt-4o\n" * 50])
def test_a_model_that_nobody_publishes_has_no_price(model: str) -> None:
    assert published_prices(model) == ()
    assert PriceHistory((), ()).at(DAY) is None


def test_a_published_price_is_that_of_the_day() -> None:
    june = datetime(2025, 6, 10, tzinfo=UTC)
    before, after = (usd_per_mtok("o3", at) for at in (june - timedelta(microseconds=1), june))
    assert before == (10.0, 40.0, 0.5, 10.0)
    assert after == (2.0, 8.0, 0.5, 2.0)
    history = PriceHistory((), published_prices("o3"))
    assert [history.at(at).effective_at for at in (EPOCH, june)] == [EPOCH, june]  # type: ignore[union-attr]


# -- prices by date ---------------------------------------------------------------------------------------------------


def flat(price: int) -> TokenPrices:
    return TokenPrices(price, price, price, price)


def own(price: int, effective_at: datetime = EPOCH) -> DatedPrice:
    return DatedPrice(effective_at, flat(price), is_own=True)


def published(price: int, effective_at: datetime = EPOCH) -> DatedPrice:
    return DatedPrice(effective_at, flat(price), is_own=False)


HOUR, A_DAY = timedelta(hours=1), timedelta(days=1)
ALWAYS = PublishedPrice(flat(1), None)
FROM_DAY = PublishedPrice(flat(2), StartDateConstraint(start_date=date(2026, 1, 1)))
AT_NIGHT = PublishedPrice(flat(3), TimeOfDateConstraint(start_time=time(22), end_time=time(6)))


def test_the_projects_price_holds_from_its_date_until_its_next() -> None:
    history = PriceHistory((own(7, DAY), own(8, DAY + A_DAY)), (ALWAYS,))
    instants = (DAY - HOUR, DAY, DAY + HOUR, DAY + A_DAY, DAY + 99 * A_DAY)
    assert [history.at(instant) for instant in instants] == [
        published(1),
        own(7, DAY),
        own(7, DAY),
        own(8, DAY + A_DAY),
        own(8, DAY + A_DAY),
    ]


def test_a_price_from_the_beginning_leaves_nothing_to_what_is_published() -> None:
    history = PriceHistory((own(7),), (ALWAYS, FROM_DAY))
    assert [history.at(instant) for instant in (EPOCH, DAY)] == [own(7), own(7)]


def test_published_prices_start_at_a_date_or_change_with_the_hour() -> None:
    history = PriceHistory((), (ALWAYS, FROM_DAY, AT_NIGHT))
    instants = (DAY - 12 * HOUR, DAY - HOUR, DAY, DAY + 12 * HOUR)
    assert [history.at(instant) for instant in instants] == [
        published(1),
        published(3),
        published(3),
        published(2, DAY),
    ]


def test_where_no_condition_is_met_the_first_published_price_holds() -> None:
    assert PriceHistory((), (FROM_DAY,)).at(DAY - HOUR) == published(2)


def test_what_is_not_sold_by_the_token_has_no_price_while_that_lasts() -> None:
    history = PriceHistory((), (PublishedPrice(None, None), FROM_DAY))
    assert [history.at(instant) for instant in (DAY - HOUR, DAY)] == [None, published(2, DAY)]


def test_the_newest_price_is_the_projects_last_whose_date_has_come_else_what_is_published_that_day() -> None:
    history = PriceHistory((own(7, DAY), own(8, DAY + A_DAY)), (ALWAYS,))
    assert history.newest(DAY + HOUR) == own(7, DAY)
    assert history.newest(DAY + A_DAY) == own(8, DAY + A_DAY)
    assert history.newest(DAY - HOUR) == published(1)
    # By the start of the day: noon has the price of midnight.
    assert PriceHistory((), (ALWAYS, AT_NIGHT)).newest(DAY + 12 * HOUR) == published(3)


HISTORIES = st.builds(
    PriceHistory,
    st.lists(st.integers(-3, 3), unique=True).map(
        lambda days: tuple(own(9 + day, DAY + day * A_DAY) for day in sorted(days))
    ),
    st.lists(
        st.one_of(
            st.just(AT_NIGHT),
            st.builds(
                lambda price, day: PublishedPrice(
                    flat(price), None if day is None else StartDateConstraint(start_date=date(2026, 1, day))
                ),
                st.integers(1, 3),
                st.none() | st.integers(1, 3),
            ),
        ),
        max_size=3,
    ),
)


@given(HISTORIES, st.integers(-80, 80), st.integers(0, 80))
def test_what_is_called_steady_has_one_price_throughout(history: PriceHistory, start: int, hours: int) -> None:
    first = DAY + start * HOUR
    if history.is_steady(first, first + hours * HOUR):
        assert len({history.at(first + hour * HOUR) for hour in range(hours + 1)}) == 1


def test_an_instant_is_steady_and_so_is_what_ends_before_the_next_price() -> None:
    history = PriceHistory((own(7, DAY),), (ALWAYS, AT_NIGHT))
    assert history.is_steady(DAY - HOUR, DAY - HOUR)
    assert history.is_steady(DAY, DAY + 99 * A_DAY)
    assert not history.is_steady(DAY - HOUR, DAY)
    assert not history.is_steady(DAY - 3 * HOUR, DAY - 2 * HOUR)
    assert PriceHistory((), (ALWAYS, FROM_DAY)).is_steady(DAY, DAY + A_DAY)
    assert PriceHistory((), ()).is_steady(EPOCH, DAY)


@given(st.lists(st.tuples(st.integers(-80, 80), st.integers(0, 2**40)), max_size=20))
def test_a_sum_over_dates_is_the_sum_of_what_each_date_costs(calls: list[tuple[int, int]]) -> None:
    history = PriceHistory((own(10**9 + 7, DAY - A_DAY), own(3, DAY + A_DAY)), ())
    priced = [
        entry
        for hour, tokens in calls
        for entry in priced_at(DAY + hour * HOUR, [usage(input_=tokens)], {"m": history})
    ]
    true = sum(
        tokens * price.prices.input for (hour, tokens) in calls if (price := history.at(DAY + hour * HOUR)) is not None
    )
    cost = dated_cost(priced)
    assert (None if cost is None else cost.total_usd) == (
        float(Fraction(true, 10**15)) if any(price for _, price in priced) else None
    )


def test_what_a_client_gave_is_not_priced() -> None:
    given_usage = usage(input_=10)._replace(given_cost_nusd=0)
    [entry] = priced_at(DAY, [given_usage], {"m": PriceHistory((own(7),), ())})
    assert (entry.usage, entry.price) == (given_usage, None)
    cost = dated_cost([entry])
    assert cost is not None
    assert cost.total_usd == 0.0
