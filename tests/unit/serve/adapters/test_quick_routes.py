"""Which requests the event loop answers itself."""

import pytest

from hotseat_serve.adapters.quick_routes import QUICK_NS, QuickRoutes

PATH = "/v2/models/net/infer"


def trained(**options):
    """Routes in which PATH was quick often enough."""
    routes = QuickRoutes(**options)
    for _ in range(32):
        assert not routes.is_quick(PATH, b"{}")
        routes.add(PATH, QUICK_NS)
    return routes


def test_a_path_becomes_quick_after_many_quick_answers():
    routes = trained()
    assert routes.is_quick(PATH, b"{}")
    assert not routes.is_quick("/v2/models/other/infer", b"{}")


def test_a_slow_answer_sends_a_path_back():
    routes = trained()
    routes.add(PATH, QUICK_NS + 1)
    for _ in range(32):
        assert not routes.is_quick(PATH, b"{}")
        routes.add(PATH, 1)
    assert routes.is_quick(PATH, b"{}")


def test_a_long_answer_sends_a_path_back_for_longer():
    routes = trained()
    routes.add(PATH, 10_000_000)
    routes.add(PATH, QUICK_NS + 1)
    for _ in range(999):
        routes.add(PATH, 1)
        assert not routes.is_quick(PATH, b"{}")
    routes.add(PATH, 1)
    assert routes.is_quick(PATH, b"{}")


def test_a_slow_answer_before_that_starts_the_count_again():
    routes = QuickRoutes()
    for _ in range(31):
        routes.add(PATH, 1)
    routes.add(PATH, QUICK_NS + 1)
    for _ in range(31):
        routes.add(PATH, 1)
    assert not routes.is_quick(PATH, b"{}")


@pytest.mark.parametrize(
    ("path", "body"),
    [(PATH, bytes(16_385)), ("/v2/models/net/versions/1/infer", b"{}")],
)
def test_large_bodies_and_numbered_versions_go_to_threads(path, body):
    routes = trained()
    for _ in range(40):
        routes.add(path, 1)
    assert not routes.is_quick(path, body)


def test_no_path_is_quick_while_an_answer_could_wait():
    waits = [False]
    routes = trained(may_wait=lambda: waits[0])
    waits[0] = True
    assert not routes.is_quick(PATH, b"{}")


def test_invented_paths_take_no_memory():
    routes = QuickRoutes()
    for number in range(1_000):
        routes.add(f"/{number}", 1)
    assert len(routes._missing) == 64
