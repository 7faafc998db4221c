"""What is kept for a while: read once, by one, in bounded room."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotseat_registry.errors import ModelNotFoundError, NotFoundError, StoreError
from hotseat_serve.runtime.read_cache import ReadCache, WaitTimeoutError


@given(
    st.lists(
        st.tuples(st.sampled_from("abcde"), st.booleans(), st.integers(0, 4)),
        max_size=40,
    ),
    st.sampled_from([2, 5]),
)
def test_nothing_is_read_twice_within_its_time(steps, size):
    """Nor is anything older than that believed, and no more than `size` are kept."""
    now = [0]
    kept = ReadCache(5, lambda: now[0], size)
    last = {}  # name -> (when it was read, whether it was there)
    for name, there, passed in steps:
        now[0] += passed
        reads = []

        def read(name=name, there=there, reads=reads):
            reads.append(name)
            if not there:
                raise ModelNotFoundError(name)
            return now[0]

        try:
            value = kept.get(name, read)
        except NotFoundError:
            value = None
        if size == 5:  # nothing is pushed out
            fresh = name in last and now[0] - last[name][0] < 5
            assert bool(reads) != fresh
        if reads:
            last[name] = now[0], there
            assert (value == now[0]) if there else (value is None)
        else:
            when, was = last[name]
            assert now[0] - when < 5
            assert value == (when if was else None)
        assert len(kept._values) <= size
        assert len(kept._misses) <= size


def test_one_reads_and_the_others_wait():
    """Eight threads that want the same cost one reading."""
    reads = []

    def read():
        reads.append(1)
        time.sleep(0.05)
        return "value"

    kept = ReadCache(60, time.monotonic)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: kept.get("name", read), range(40)))
    assert (set(found), len(reads)) == ({"value"}, 1)
    assert kept._reading == {}


def test_who_has_no_time_does_not_wait():
    """The wait for another's reading ends with the caller's patience."""
    kept, begun, go = (
        ReadCache(60, time.monotonic),
        threading.Event(),
        threading.Event(),
    )

    def read():
        begun.set()
        go.wait(10)
        return "value"

    reader = threading.Thread(target=kept.get, args=("name", read))
    reader.start()
    begun.wait(10)
    with pytest.raises(WaitTimeoutError):
        kept.get("name", read, 0.01)
    go.set()
    reader.join()
    assert kept.get("name", read, 0.01) == "value"


def test_made_up_names_push_nothing_out():
    """A thousand misses leave what is there where it is; a failure is not kept."""
    kept = ReadCache(60, time.monotonic, size=10)
    kept.get("mood", lambda: 1)

    def missing():
        raise ModelNotFoundError("no model")

    for number in range(100):
        with pytest.raises(ModelNotFoundError, match="no model"):
            kept.get(f"made-up-{number}", missing)
    assert kept.get("mood", lambda: pytest.fail("it was kept")) == 1
    assert len(kept._misses) == 10

    def failing():
        raise StoreError("away")

    with pytest.raises(StoreError):
        kept.get("other", failing)
    assert kept.get("other", lambda: 2) == 2


def test_a_kept_miss_holds_no_frames():
    """Raised again and again, it does not grow."""
    kept = ReadCache(60, time.monotonic)

    def missing():
        raise ModelNotFoundError("no model")

    lengths = set()
    for _ in range(5):
        with pytest.raises(ModelNotFoundError) as caught:
            kept.get("name", missing)
        lengths.add(len(caught.traceback))
    assert max(lengths) <= 4
    assert kept._misses["name"][0].__traceback__ is None
