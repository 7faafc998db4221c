"""The monthly bill: its sums are right, and more use never costs less."""

import json
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotseat import _cli
from hotseat_infra.deployment import DeploymentError, Model, Schedule, read
from hotseat_infra.pricing.monthly_bill import (
    RUNTIME_MS,
    SIZES,
    Speed,
    bill,
    compare,
    provisioned_by_hour,
)
from hotseat_infra.pricing.price_table import PRICES, read_prices
from hotseat_infra.pricing.stage_bill import shared_costs
from hotseat_infra.pricing.traffic import SHAPES, WEEK, Traffic, cold_starts, shape
from hotseat_registry import Reference, open_registry

TABLE = read_prices()
FILE = Path(__file__).parents[3] / "infra/deployment.toml"
PROD = read(FILE, "prod")
REQUESTS = st.floats(1, 1e9)
MS = st.floats(0.01, 1000)
SHAPE = st.sampled_from(list(SHAPES.values()))
MODELS = st.builds(
    Model,
    memory_mb=st.integers(128, 10_240),
    architecture=st.sampled_from(["arm64", "x86_64"]),
    provisioned_concurrency=st.integers(0, 20),
)


def month(model, traffic, ms=5.0):
    """Return one model's bill."""
    return bill("x", model, "rest", traffic, Speed(ms), TABLE)


def test_the_bill_adds_up():
    """A million requests of 10 ms on one core, calculated by hand."""
    model = Model(mode="static", version=1, memory_mb=1769, architecture="arm64")
    result = month(model, Traffic(1e6), 9.0)
    assert result.parts["compute"] == pytest.approx(1e4 * 1769 / 1024 * 0.0000133334)
    assert result.parts["requests"] == pytest.approx(0.20)
    assert result.parts["api"] == pytest.approx(3.50)
    assert result.parts["out"] == pytest.approx(0.5 * 0.09)
    assert result.total == pytest.approx(sum(result.parts.values()))


def test_two_provisioned_all_month_match_a_calculation_by_hand():
    """Their hours are billed by gigabyte, their requests at the lower rate."""
    model = Model(mode="static", version=1, memory_mb=1024, provisioned_concurrency=2,
                  architecture="x86_64")  # fmt: skip
    result = month(model, Traffic(730 * 3600), 1000 * 1024 / 1769 - RUNTIME_MS)
    assert result.parts["provisioned"] == pytest.approx(2 * 730 * 3600 * 0.0000041667)
    assert result.parts["compute"] == pytest.approx(730 * 3600 * 0.0000097222)
    assert result.cold < 0.2


def test_less_memory_is_slower_and_more_is_not_faster():
    """A function has a share of a core below 1,769 MB, and uses one thread above."""
    ways = compare(Model(memory_mb=1769), "http", Traffic(1e6), Speed(9.0), TABLE)
    by_size = dict(zip(SIZES, ways[1:], strict=False))
    assert by_size[512].milliseconds == pytest.approx(10 * 1769 / 512)
    assert by_size[3008].milliseconds == by_size[1769].milliseconds == 10
    assert by_size[3008].parts["compute"] > by_size[1769].parts["compute"]


def test_all_ways_are_compared():
    """Memory sizes, a provisioned function, a snapshot, one machine and two."""
    ways = [w.what for w in compare(Model(), "rest", Traffic(1e6), Speed(2), TABLE)]
    assert ways[0] == "as deployed, 1,024 MB"
    assert [f"on demand, {size:,} MB" for size in SIZES] == ways[1:6]
    assert ways[6:8] == ["one kept warm", "SnapStart"]
    assert ways[8:] == ["1 x t4g.small, no spare", "2 x t4g.small, balanced"]


@given(MODELS, REQUESTS, REQUESTS, MS, SHAPE)
def test_more_requests_cost_no_less(model, one, other, ms, weights):
    """Only the cost of cold starts may fall: they become rarer with traffic."""
    less, more = (
        month(model, Traffic(n, weights), ms).parts for n in sorted((one, other))
    )
    for part in less.keys() - {"starts"}:
        assert less[part] <= more[part] * (1 + 1e-9) + 1e-9


@given(MODELS, REQUESTS, MS, MS)
def test_slower_models_cost_no_less(model, requests, one, other):
    """A longer prediction never costs less."""
    fast, slow = (
        month(model, Traffic(requests), ms).parts["compute"]
        for ms in sorted((one, other))
    )
    assert fast <= slow * (1 + 1e-9)


@given(MODELS, REQUESTS, MS, st.integers(1769, 10_240))
def test_memory_beyond_a_core_costs_more_and_is_no_faster(model, requests, ms, size):
    """Above one core a prediction still uses one thread."""
    one = month(replace(model, memory_mb=1769), Traffic(requests), ms)
    more = month(replace(model, memory_mb=size), Traffic(requests), ms)
    assert more.milliseconds == one.milliseconds
    assert more.total >= one.total - 1e-9


@given(REQUESTS, MS, SHAPE, st.integers(0, 50), st.integers(0, 50))
def test_more_provisioned_never_means_more_cold_starts(
    requests, ms, weights, one, other
):
    """Provisioned environments remove cold starts and never add any."""
    rates = Traffic(requests, weights).rates()
    few, many = sorted((one, other))
    cold = cold_starts(rates, ms / 1000, [few] * WEEK)
    assert 0 <= cold_starts(rates, ms / 1000, [many] * WEEK) <= cold + 1e-9
    assert cold <= requests * (1 + 1e-9)


@given(
    st.sets(st.sampled_from(["mon", "wed", "sat", "sun"]), min_size=1),
    st.integers(0, 23),
    st.integers(1, 23),
    st.integers(1, 9),
)
def test_a_schedule_costs_its_hours(days, start, length, count):
    """A schedule costs its share of permanent provisioning."""
    schedule = Schedule(count, start, (start + length) % 24, tuple(sorted(days)))
    some = month(Model(schedule=schedule), Traffic(1e6)).parts["provisioned"]
    always = Model(provisioned_concurrency=count)
    all_week = month(always, Traffic(1e6)).parts["provisioned"]
    assert some == pytest.approx(all_week * length * len(days) / WEEK)
    assert sum(provisioned_by_hour(Model(schedule=schedule))) == count * length * len(
        days
    )


@given(SHAPE, REQUESTS)
def test_a_shape_moves_requests_and_adds_none(weights, requests):
    """The hours of the month add up to the month's requests."""
    rates = Traffic(requests, weights).rates()
    assert sum(rates) * 3600 * 730 / WEEK == pytest.approx(requests)


def test_a_shape_is_a_name_or_a_file(tmp_path):
    """A day's 24 numbers are repeated; anything else is an error with its name."""
    path = tmp_path / "day.json"
    path.write_text(json.dumps([*range(24)]))
    assert shape(str(path)) == tuple(range(24)) * 7
    for text in ("[1, 2]", "[]", "{", json.dumps([-1] * 24), json.dumps([0] * 24)):
        path.write_text(text)
        with pytest.raises(DeploymentError, match=r"day\.json"):
            shape(str(path))
    with pytest.raises(DeploymentError, match=r"neither a file .* flat, evening"):
        shape("morning")


def test_shared_costs_are_counted_once():
    """Dashboard, keys and firewall belong to the stage."""
    parts = shared_costs(PROD, 1e6, TABLE).parts
    access = {"authorizer": 0.2 + 0.0025 * 1e6 * 0.0000166667, "limits": 1.25}
    logs = 0.7 * (0.50 + 0.03)
    assert parts == pytest.approx(
        {"dashboard": 3, "keys": 2, "firewall": 5 + 3 + 0.6, "alarms": 0.7,
         "logs": logs, "images": 2 * 0.015, "quota metric": 0.3,
         "bucket": 0.023, **access}
    )  # fmt: skip
    api = replace(PROD.api, waf=False, access="", player_requests_per_second=0.0)
    plain = replace(PROD, registry="s3://a/b", api=api)
    assert shared_costs(plain, 1e6, TABLE).parts == pytest.approx(
        {"dashboard": 3, "keys": 1, "alarms": 0.6, "logs": logs, "images": 0.015,
         "quota metric": 0.3}
    )  # fmt: skip


def test_the_shipped_stages_stay_within_their_budgets(capsys):
    """A million requests a month and model for dev, ten for prod, 1 ms each."""
    for stage, requests in (("dev", 1e6), ("prod", 1e7)):
        assert run_command("--file", FILE, "--stage", stage, "--requests", requests,
                           "--ms", 1, "--json") == 0  # fmt: skip
        document = json.loads(capsys.readouterr().out)
        assert document["total"] < document["budget"], stage


def test_prices_are_those_of_the_region():
    """One file; a region has what differs, and one without says so by its name."""
    frankfurt = read_prices(region="eu-central-1")
    assert frankfurt["region"] == "eu-central-1"
    assert frankfurt["api"]["rest_request"] > TABLE["api"]["rest_request"]
    assert frankfurt["lambda"] == TABLE["lambda"]
    assert read_prices(region="af-south-1")["region"] == "us-east-1"
    text = tomllib.loads(PRICES.read_text())
    for name, region in text["regions"].items():
        table = read_prices(region=name)
        figures = {f"{s}.{k}" for s, v in region.items() if s != "compared" for k in v}
        assert set(region["compared"]) <= figures
        assert table["own"] == len(figures)
        for figure in figures:
            section, key = figure.split(".")
            assert (
                TABLE[section][key] / 2 < table[section][key] < TABLE[section][key] * 2
            )


def test_a_large_temporary_folder_and_long_retention_cost_more():
    """Above 512 MB by the second; logs by the days that they stay."""
    plain = month(Model(mode="static", version=1), Traffic(1e6)).parts
    large = month(
        Model(mode="static", version=1, ephemeral_storage_mb=1536), Traffic(1e6)
    ).parts
    assert "storage" not in plain
    assert large["storage"] == pytest.approx(1e6 * 0.011 * 0.0000000309, rel=0.1)
    longer = bill("x", Model(), "rest", Traffic(1e6), Speed(5), TABLE, log_days=365)
    assert longer.parts["logs"] > month(Model(), Traffic(1e6)).parts["logs"]


def test_prices_have_their_date_and_sources():
    """Each price is positive and has a source."""
    assert TABLE["date"].year >= 2026
    assert all(source.startswith("https://") for source in TABLE["sources"])

    def numbers(value):
        if isinstance(value, dict):
            for item in value.values():
                yield from numbers(item)
        elif isinstance(value, int | float):
            yield value

    assert all(n > 0 for n in numbers({k: v for k, v in TABLE.items() if k != "own"}))


TEXT = """
[stages.dev]
region = "eu-west-1"
alarm_email = "a@example.com"
unsigned = true
[stages.dev.models.mood]
"""


def run_command(*arguments):
    """Run the command."""
    return _cli.main(["deploy", "cost", *map(str, arguments)])


def test_the_command_uses_the_measured_milliseconds(tmp_path, bundle, capsys):
    """They are in the version's manifest; without them the error asks for --ms."""
    file = tmp_path / "d.toml"
    file.write_text(TEXT)
    registry = open_registry(f"file://{tmp_path}/registry")
    options = ("--file", file, "--registry", registry.store.uri)
    assert run_command(*options) == 1
    assert "no model 'mood'" in capsys.readouterr().err
    manifest, files = bundle()
    registry.publish(manifest, files, by="ada")
    registry.promote(Reference("mood", version=1), by="ada")
    assert run_command(*options) == 1
    assert "mood@1 (fp32) has no measured milliseconds" in capsys.readouterr().err
    fast = replace(manifest.variants[0], metrics={"milliseconds": 0.5})
    registry.publish(replace(manifest, variants=(fast,)), files, by="ada")
    registry.promote(Reference("mood", version=2), by="ada")
    assert run_command(*options) == 0
    output = capsys.readouterr().out
    assert "mood: 0.5 ms a prediction" in output
    assert "its budget is 50.00" in output
    assert run_command(*options, "--json", "--shape", "evening") == 0
    document = json.loads(capsys.readouterr().out)
    first = document["models"]["mood"][0]
    assert first["milliseconds"] == pytest.approx(1.5 * 1769 / 1024)
    assert document["total"] == pytest.approx(
        first["total"] + document["shared"]["total"]
    )


def test_a_million_texts_cost_by_their_tokens(tmp_path, bundle, capsys):
    """The first token, then the others at the measured rate; Lambda's dollars alone."""
    file = tmp_path / "d.toml"
    file.write_text(TEXT)
    registry = open_registry(f"file://{tmp_path}/registry")
    options = ("--file", file, "--registry", registry.store.uri)
    manifest, files = bundle()
    metrics = {"milliseconds": 8.0, "tokens_per_second": 125.0, "first_token_ms": 50.0}
    writing = replace(manifest.variants[0], metrics=metrics)
    registry.publish(replace(manifest, variants=(writing,)), files, by="ada")
    registry.promote(Reference("mood", version=1), by="ada")
    assert run_command(*options, "--tokens", 26) == 0
    output = capsys.readouterr().out
    assert "mood: 250 ms a text of 26 tokens" in output
    assert "a million texts as deployed" in output
    assert run_command(*options, "--tokens", 26, "--json") == 0
    document = json.loads(capsys.readouterr().out)
    first = document["models"]["mood"][0]
    parts = first["parts"]
    lambdas = parts["requests"] + parts["compute"] + parts["starts"]
    assert document["million_texts"]["mood"] == pytest.approx(lambdas)
    with pytest.raises(SystemExit):
        run_command(*options, "--tokens", 0)
