"""A little of tests/fuzz.py, the same every time; the program itself runs for as long as one likes."""

import pytest

from tests.fuzz import Broken, Report, check_storable, run


def test_odd_requests_raise_nothing_and_lose_nothing() -> None:
    total = Report()
    for report in run(seed=1, numbers=range(300)):
        total.counts += report.counts
        total.failures |= report.failures
    assert not total.failures, "\n".join(told for _, told in total.failures.values())
    assert total.counts["requests"] == 300
    # They are odd, and yet most get past the decoder.
    assert total.counts["spans"] > 600
    assert total.counts["records"] > 100
    assert total.counts["rejected"] > 0
    assert total.counts["refused"] > 0


@pytest.mark.parametrize("value", ["a\0", ["\ud800"], {"a\0": 1}, (2**63,), {"a": [{"b": -(2**63) - 1}]}])
def test_what_cannot_be_stored_is_found(value: object) -> None:
    with pytest.raises(Broken):
        check_storable(value)
