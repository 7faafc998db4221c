"""The deployment file: what is wrong in it is named, with the way out."""

from pathlib import Path

import pytest

from hotseat_infra.check import check
from hotseat_infra.cost import SIZES, Traffic, bill, compare, prices
from hotseat_infra.deployment import DeploymentError, Model, read
from hotseat_registry import Reference

INFRA = Path(__file__).parents[3] / "infra"
GOOD = """
[stages.dev]
region = "eu-west-1"
alarm_email = "a@example.com"
[stages.dev.models.mood]
"""


@pytest.fixture
def write(tmp_path):
    """Write a deployment file."""

    def make(text):
        path = tmp_path / "deployment.toml"
        path.write_text(text)
        return path

    return make


@pytest.mark.parametrize("stage", ["dev", "prod"])
def test_the_file_in_the_repository_is_good(stage):
    """What a newcomer starts from can be read."""
    assert read(INFRA / "deployment.toml", stage).models


def test_what_is_left_out_has_a_default(write):
    """A stage needs a region, a mail address and a model."""
    stage = read(write(GOOD), "dev")
    assert stage.models["mood"] == Model()
    assert stage.api.kind == "rest"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no stage 'dev'; there are: none"),
        ("[stages.dev", "deployment.toml: "),
        ('[stages.dev]\nregion = "x"\n[stages.dev.models.m]', "alarm_email is missing"),
        (GOOD.replace("[stages.dev.models.mood]", ""), "models is missing"),
        (GOOD + "memory = 512", "'memory' is not known; there are: .*memory_mb"),
        (GOOD + 'memory_mb = "512"', "memory_mb has to be a whole number, not '512'"),
        (GOOD + "memory_mb = 64", "64 is not between 128 and 10240"),
        (GOOD + "memory_mb = 20000", "20000 is not between"),
        (GOOD + "timeout_s = 60", "60 is not between 1 and 29"),
        (GOOD + "snapstart = 1", "has to be true or false"),
        (GOOD + 'mode = "magic"', "'magic' is not one of static, dynamic"),
        (GOOD + 'mode = "static"', "names its version"),
        (GOOD + "version = 3", 'mode = "static"'),
        (GOOD + 'canary = "SLOW"', "'SLOW' is not one of ALL_AT_ONCE"),
        (GOOD + "snapstart = true\nprovisioned_concurrency = 1", "not both"),
        (GOOD + "reserved_concurrency = 1\nprovisioned_concurrency = 2", "more than"),
        (GOOD + '[stages.dev.models.tone]\nroute = "mood"', "is that of mood already"),
        (GOOD + "[stages.dev.models.tone]", "several models"),
        (GOOD + "[stages.dev.models.Tone_]", "named with a-z"),
        (GOOD.replace("region", 'default_model = "x"\nregion'), "none of the models"),
        (GOOD + '[stages.dev.api]\nkind = "http"\nwaf = true', "HTTP API has no keys"),
        (GOOD + '[stages.dev.api]\ndomain = "x.io"', "go together"),
        (GOOD + "[stages.dev.api]\ntitles = [1]", "a list of strings"),
        (GOOD + '[stages.dev.api]\norigins = ["https://x/y"]', "no origin such as"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(write, text, says):
    """Each mistake is one line with the place and what to write instead."""
    with pytest.raises(DeploymentError, match=says):
        read(write(text), "dev")


def test_a_file_that_is_not_there_is_named(tmp_path):
    """No traceback for a wrong path."""
    with pytest.raises(DeploymentError, match=r"no deployment file .*x\.toml"):
        read(tmp_path / "x.toml", "dev")


def test_a_stage_is_held_against_the_registry(write, registry, publish):
    """A model and its version have to be there before anything is deployed."""
    dynamic = read(write(GOOD), "dev")
    with pytest.raises(DeploymentError, match=r"stages\.dev\.models\.mood: no model"):
        check(dynamic, registry)
    publish()
    with pytest.raises(DeploymentError, match="no alias 'live'"):
        check(dynamic, registry)
    registry.promote(Reference("mood", version=1), by="ada")
    assert check(dynamic, registry)["mood"].version == 1
    static = read(write(GOOD + 'mode = "static"\nversion = 2'), "dev")
    with pytest.raises(DeploymentError, match="no version 2"):
        check(static, registry)


def test_a_static_version_that_nobody_signed_is_refused(write, registry, publish, pair):
    """Where keys are trusted, the image takes only what one of them signed."""
    from hotseat_registry.trust import Trust

    publish()
    registry.trust = Trust.read(str(pair()[1]))
    static = read(write(GOOD + 'mode = "static"\nversion = 1'), "dev")
    with pytest.raises(DeploymentError, match="sign"):
        check(static, registry)


def test_a_trusted_key_has_to_lie_where_the_image_is_built(write, tmp_path, pair):
    """A name without its file is an error before anything is deployed."""
    from hotseat_infra.check import keys

    stage = read(write(GOOD.replace("region", 'trust = ["key.pub"]\nregion')), "dev")
    with pytest.raises(DeploymentError, match=r"no .*key\.pub: put the public key"):
        keys(stage, tmp_path / "trust")
    public = pair()[1]
    assert keys(stage, public.parent) == str(public)


def test_a_model_that_does_not_fit_its_function_is_refused(write, registry, bundle):
    """The memory it takes is named beside the memory there is."""
    from dataclasses import replace

    manifest, files = bundle()
    files["model.onnx.data"] = files["model.onnx"].with_name("model.onnx.data")
    files["model.onnx.data"].write_bytes(bytes(60_000_000))
    variant = replace(manifest.variants[0], data=("model.onnx.data",))
    registry.publish(replace(manifest, variants=(variant,)), files, by="ada")
    registry.promote(Reference("mood", version=1), by="ada")
    with pytest.raises(DeploymentError, match="takes about 270 MB; memory_mb is 256"):
        check(read(write(GOOD + "memory_mb = 256"), "dev"), registry)
    assert check(read(write(GOOD + "memory_mb = 512"), "dev"), registry)


def test_the_bill_adds_up():
    """A million requests of 10 ms at one GB and one core, reckoned by hand."""
    model = Model(mode="static", memory_mb=1769, architecture="arm64")
    month = bill("x", model, "rest", Traffic(1e6, 10.0, cold_share=0), prices())
    assert month.parts["compute"] == pytest.approx(1e4 * 1769 / 1024 * 0.0000133334)
    assert month.parts["requests"] == pytest.approx(0.20)
    assert month.parts["api"] == pytest.approx(3.50)
    assert month.total == pytest.approx(sum(month.parts.values()))


def test_less_memory_is_slower_and_more_is_not_faster():
    """A function has a share of a core below 1,769 MB, and one thread above."""
    ways = compare(Model(memory_mb=1769), "http", Traffic(1e6, 10.0), prices())
    by_size = dict(zip(SIZES, ways[1:], strict=False))
    assert by_size[512].milliseconds == pytest.approx(10 * 1769 / 512)
    assert by_size[3008].milliseconds == by_size[1769].milliseconds == 10
    assert by_size[3008].parts["compute"] > by_size[1769].parts["compute"]
