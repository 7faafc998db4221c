"""Token buckets: the rate over time, the burst, and the time to wait."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotseat_serve.access import buckets
from hotseat_serve.access.buckets import Limit, MemoryBuckets


@given(
    st.floats(0.1, 1_000),
    st.integers(1, 50),
    st.lists(st.floats(0, 20), min_size=1, max_size=60),
)
def test_a_bucket_is_a_count_of_tokens(rate, burst, pauses):
    """As many requests pass as in the textbook's bucket of `burst` tokens."""
    limit, now, tokens, before = Limit(rate, burst), 0.0, float(burst), 0.0
    ours = MemoryBuckets(lambda: now)
    for pause in pauses:
        now += pause
        tokens = min(burst, tokens + (now - before) * rate)
        before = now
        near = abs(tokens - 1) < 1e-6  # rounding may say either
        wait = ours.take("a", limit)
        if not near:
            assert (wait == 0) == (tokens >= 1)
        if wait == 0:
            tokens -= 1
        else:
            assert wait == pytest.approx((1 - tokens) / rate, abs=1e-6)


def test_after_the_wait_there_is_a_token():
    """Retry-After is the truth."""
    now = [0.0]
    ours, limit = MemoryBuckets(lambda: now[0]), Limit(0.5, 2)
    assert [ours.take("a", limit) for _ in range(3)] == [0, 0, pytest.approx(2.0)]
    now[0] += ours.take("a", limit)
    assert ours.take("a", limit) == 0


def test_buckets_are_apart():
    """One player's requests take nothing from another's."""
    ours, limit = MemoryBuckets(lambda: 0.0), Limit(1, 1)
    assert [ours.take(name, limit) == 0 for name in "aabb"] == [True, False] * 2


def test_full_buckets_are_forgotten(monkeypatch):
    """The memory ends, and a bucket in use is kept."""
    monkeypatch.setattr(buckets, "_MOST", 100)
    now = [0.0]
    ours, limit = MemoryBuckets(lambda: now[0]), Limit(1, 1)
    for number in range(100):
        ours.take(f"old{number}", limit)
    now[0] = 10.0
    ours.take("old1", limit)
    ours.take("new", limit)
    assert set(ours._full_at) == {"old1", "new"}
    assert ours.take("old1", limit) > 0
