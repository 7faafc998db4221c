"""Memory while requests come and come."""

import soak


def test_memory_stays_flat():
    """20,000 requests, good and bad, take no more memory than the first 2,000 took."""
    early, late = soak.soak(20_000)
    assert late - early < 5_000_000


def test_memory_of_the_runtime_loop_stays_flat():
    """4,000 events through the loop take no more memory than the first 400 took."""
    early, late = soak.soak_loop(4_000)
    assert late - early < 5_000_000
