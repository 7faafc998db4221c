"""The catalogue, the index and what is not there: what they cost, and what they say."""

import json
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from growth import filled

from hotseat_registry import Reference, Registry, layout
from hotseat_registry.entry import RETIRE, Entry
from hotseat_registry.errors import StoreError
from hotseat_registry.testing import MemoryStore
from hotseat_serve.api.messages import Request
from hotseat_serve.api.router import Router
from hotseat_serve.runtime.model_cache import ModelCache
from hotseat_serve.settings import Settings


@pytest.fixture
def counts():
    """How often each operation was sent to the store."""
    return Counter()


@pytest.fixture
def registry(counts, clock):
    """A registry over a store that counts, and plays one that is away."""

    def before(operation, _key):
        counts.update([operation])
        if counts["away"]:
            raise StoreError("the bucket is away")

    return Registry(MemoryStore(before), clock)


@pytest.fixture
def seconds():
    """The service's clock, moved by hand."""
    return [0.0]


@pytest.fixture
def router(registry, seconds, tmp_path):
    """A service that keeps what it read for ten seconds."""
    return made(registry, seconds, tmp_path)


def made(registry, seconds, tmp_path, **options):
    chosen = Settings(
        **{"cache": str(tmp_path / "cache"), "refresh_seconds": 10, "log": False,
           **options}
    )  # fmt: skip
    return Router(ModelCache(registry, chosen, lambda: seconds[0]), chosen)


def ask(router, path, method="GET", headers=None, body=b""):
    """Return the status and the body of an answer."""
    answer = router.answer(Request(method, path, body, headers or {}, "r"))
    return answer.status, json.loads(answer.body)


def sent(counts, call):
    """Return how many requests a call takes."""
    counts.clear()
    call()
    return counts.total()


def test_a_catalogue_costs_a_request_a_model(router, registry, bundle, counts, seconds):
    """Cold one a model and a list, warm none, and the index shares it."""
    filled(registry.store, *bundle(), 100)
    assert sent(counts, lambda: ask(router, "/v1/models")) == 101
    for path, method in (("/v1/models", "GET"), ("/v2/repository/index", "POST")):
        assert sent(counts, lambda p=path, m=method: ask(router, p, m)) == 0
    status, answer = ask(router, "/v1/models")
    assert (status, len(answer["models"])) == (200, 100)
    assert answer["models"][7] == {"name": "m0007", "kind": "classification",
                                   "version": 20, "aliases": {"live": 20}}  # fmt: skip
    seconds[0] = 10
    assert sent(counts, lambda: ask(router, "/v2/repository/index", "POST")) == 101


def test_a_change_shows_after_the_refresh_time(router, registry, publish, seconds):
    """What was promoted, published and retired is there within it, not before."""
    publish(registry), publish(registry, positive=0.8)
    registry.promote(Reference("mood", version=1), by="ada")
    paths = ("/v1/models", "/v1/models/mood", "/v2/models/mood")
    before = [ask(router, path) for path in paths]
    assert before[0][1]["models"][0]["version"] == 1
    assert before[1][1]["versions"] == [1, 2]
    assert before[2][1]["versions"] == ["1", "2"]
    registry.promote(Reference("mood", version=2), by="ada")
    publish(registry, model="other")
    head = registry.ledger.head("mood")
    gone = Entry("mood", RETIRE, "gc", registry.time(), retired=(1,))
    registry.ledger.change(head, gone)
    assert [ask(router, path) for path in paths] == before
    seconds[0] = 10
    after = [ask(router, path)[1] for path in paths]
    assert [m["version"] for m in after[0]["models"]] == [2, 1]
    assert after[0]["models"][1] == {"name": "other", "kind": "classification",
                                     "version": 1, "aliases": {}}  # fmt: skip
    assert after[1]["versions"] == [2]  # a retired version answers nowhere
    assert after[2]["versions"] == ["2"]
    index = ask(router, "/v2/repository/index", "POST")[1]
    assert [(m["name"], m["version"], m["state"]) for m in index] == [
        ("mood", "2", "READY"), ("other", "1", "UNAVAILABLE")]  # fmt: skip


def test_an_old_ledger_costs_a_manifest_once(registry, bundle, counts, tmp_path):
    """Its newest entry has no kind; the manifest is kept on the disk."""
    filled(registry.store, *bundle(), 5)
    for model in registry.models():
        key = layout.head(model)
        head = Entry.from_bytes(registry.store.objects[key], key)
        registry.store.objects[key] = replace(head, kind=None).to_bytes()
    first, second = (made(registry, [0.0], tmp_path) for _ in range(2))
    assert sent(counts, lambda: ask(first, "/v1/models")) == 11
    assert sent(counts, lambda: ask(second, "/v1/models")) == 6
    assert ask(first, "/v1/models") == ask(second, "/v1/models")


@pytest.mark.parametrize(
    ("path", "method", "code"),
    [
        ("/v1/models/nobody", "GET", "model_not_found"),
        ("/v1/models/nobody/predict", "POST", "model_not_found"),
        ("/v1/models/nobody/versions/3/predict", "POST", "version_not_found"),
        ("/v1/models/nobody/versions/3", "GET", "model_not_found"),
        ("/v1/models/nobody/versions/live", "GET", "model_not_found"),
        ("/v2/models/nobody", "GET", None),
        ("/v2/models/nobody/infer", "POST", None),
        ("/model-service", "POST", "model_not_found"),
    ],
)
def test_what_is_not_there_is_looked_up_once(
    registry, counts, seconds, tmp_path, path, method, code
):
    """A 404 again and again costs the store nothing within the refresh time."""
    router = made(registry, seconds, tmp_path, downloads="*")

    def miss():
        status, answer = ask(router, path, method, body=b'{"text": "good"}')
        assert status == 404
        if code and code != "version_not_found":
            assert answer["code"] == code

    assert 1 <= sent(counts, miss) <= 4
    assert sent(counts, lambda: [miss() for _ in range(20)]) == 0
    seconds[0] = 10
    assert 1 <= sent(counts, miss) <= 4


def test_made_up_names_fill_no_memory(registry, publish, counts, seconds, tmp_path):
    """Thousands of them are forgotten; what is there stays kept."""
    router = made(registry, seconds, tmp_path)
    publish(registry)
    registry.promote(Reference("mood", version=1), by="ada")
    ask(router, "/v1/models/mood"), ask(router, "/v1/models")
    for number in range(1_100):
        assert ask(router, f"/v1/models/x{number}")[0] == 404
        path = f"/v1/models/x{number}/versions/1/predict"
        assert ask(router, path, "POST", body=b'{"text": "good"}')[0] == 404
    catalogue = router.game_api.models
    assert len(catalogue._one._misses) <= 1_000
    assert len(router.models.heads._heads) <= 1_000
    assert len(router.models.heads._misses) <= 1_000
    assert sent(counts, lambda: ask(router, "/v1/models/mood")) == 0
    assert sent(counts, lambda: ask(router, "/v1/models")) == 0


def test_a_damaged_model_hides_no_other(router, registry, publish):
    """The catalogue and the index name it, with the rest as it is."""
    for model in ("a", "b", "c", "d"):
        publish(registry, model=model)
        registry.promote(Reference(model, version=1), by="ada")
    registry.store.objects[layout.head("b")] = b"{"
    head = registry.ledger.head("c").entry
    nowhere = replace(head, aliases={"live": 9}, positions=None, kind=None)
    registry.store.objects[layout.head("c")] = nowhere.to_bytes()
    status, answer = ask(router, "/v1/models")
    assert (status, answer["damaged"]) == (200, ["b", "c"])
    assert [model["name"] for model in answer["models"]] == ["a", "d"]
    index = ask(router, "/v2/repository/index", "POST")[1]
    assert [(m["name"], m["state"]) for m in index] == [
        ("a", "READY"), ("b", "UNAVAILABLE"), ("c", "UNAVAILABLE"), ("d", "READY"),
    ]  # fmt: skip


def test_a_registry_that_is_away_is_said_and_not_kept(
    router, registry, publish, counts
):
    """503 while it lasts, and right as soon as it is over."""
    publish(registry)
    counts["away"] = 1
    status, answer = ask(router, "/v1/models")
    assert (status, answer["retryable"]) == (503, True)
    assert ask(router, "/v1/models/mood")[0] == 503
    counts["away"] = 0
    assert ask(router, "/v1/models")[0] == 200
    assert ask(router, "/v1/models/mood")[0] == 200


def test_the_catalogue_ends_with_the_deadline(registry, bundle, tmp_path):
    """A store that hangs holds nobody longer than the caller's time."""
    filled(registry.store, *bundle(), 20, entries=1)
    go, read = threading.Event(), registry.store.read

    def hang(key, *, unless=None):
        go.wait(10)
        return read(key, unless=unless)

    registry.store.read = hang
    router = made(registry, [0.0], tmp_path)
    try:
        with ThreadPoolExecutor(8) as pool:
            found = pool.map(
                lambda _: ask(router, "/v1/models", headers={"deadline-ms": "150"}),
                range(8),
            )
            answers = [(status, answer["code"]) for status, answer in found]
    finally:
        go.set()
    assert answers == [(504, "deadline_exceeded")] * 8
    assert ask(router, "/v1/models")[0] == 200


def test_eight_callers_cost_one_reading(router, registry, bundle, counts):
    """Of those who ask at the same time, one reads the catalogue."""
    filled(registry.store, *bundle(), 50, entries=1)
    counts.clear()
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: ask(router, "/v1/models"), range(16)))
    assert counts.total() == 51
    assert all(answer == answers[0] for answer in answers)


def test_the_default_is_looked_for_once(registry, publish, counts, seconds, tmp_path):
    """Without a setting it costs a request a model once, and a refusal is kept."""
    for model in ("a", "b"):
        publish(registry, model=model)
        registry.promote(Reference(model, version=1), by="ada")
    router = made(registry, seconds, tmp_path)

    def predict():
        return ask(router, "/model-service", "POST", body=b'{"text": "good"}')

    status, answer = predict()
    assert status == 404
    assert "2 models are live (a, b)" in answer["detail"]
    assert "POST /v1/models/a/predict" in answer["detail"]
    assert "HOTSEAT_DEFAULT_MODEL" in answer["detail"]
    assert sent(counts, predict) == 0
