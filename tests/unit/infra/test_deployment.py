"""The deployment file: each mistake is an error with its place and a remedy."""

import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from hotseat_infra.check import (
    _check_preprocessing,
    check,
    check_baked,
    check_packages,
    check_size,
)
from hotseat_infra.deployment import DeploymentError, Model, Schedule, read
from hotseat_registry import (
    Input,
    Manifest,
    Output,
    Reference,
    Signature,
    Variant,
    layout,
)
from hotseat_registry.bake import bake
from hotseat_registry.signature import Tokens
from hotseat_registry.steps import Step
from hotseat_registry.wrapping_keys import LocalKey

INFRA = Path(__file__).parents[3] / "infra"
GOOD = """
[stages.dev]
region = "eu-west-1"
alarm_email = "a@example.com"
unsigned = true
[stages.dev.models.mood]
"""
SCHEDULE = """
[stages.dev.models.mood.schedule]
concurrency = 4
from_hour = 16
to_hour = 2
"""
TIMED = GOOD + "[stages.dev.models.mood.schedule]\n"


@pytest.fixture
def write(tmp_path):
    """Write a deployment file."""

    def make(text):
        path = tmp_path / "deployment.toml"
        path.write_text(text)
        return path

    return make


def test_a_former_key_is_still_read(write):
    """`titles`, the former key for `games`, is read; both at once are an error."""
    api = '[stages.dev.api]\ntitles = ["chess"]\n'
    assert read(write(GOOD + api), "dev").api.games == ("chess",)
    with pytest.raises(DeploymentError, match="former name of games: remove titles"):
        read(write(f'{GOOD}{api}games = ["chess"]'), "dev")


@pytest.mark.parametrize("stage", ["dev", "prod"])
def test_the_file_in_the_repository_is_good(stage):
    """The repository's own file can be read."""
    assert read(INFRA / "deployment.toml", stage).models


def test_optional_keys_have_defaults(write):
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
        (GOOD + "memory = 512", "unknown key 'memory'; expected one of .*memory_mb"),
        (GOOD + 'memory_mb = "512"', "memory_mb: expected a whole number, got '512'"),
        (GOOD + "memory_mb = 64", "64 is not between 128 and 10240"),
        (GOOD + "memory_mb = 20000", "20000 is not between"),
        (GOOD + "timeout_s = 60", "60 is not between 1 and 29"),
        (GOOD + "snapstart = 1", "expected true or false"),
        (GOOD + 'mode = "magic"', "'magic' is not one of static, dynamic"),
        (GOOD + 'mode = "static"', "needs a version"),
        (GOOD + "version = 3", 'mode = "static"'),
        (GOOD + 'canary = "SLOW"', "'SLOW' is not one of ALL_AT_ONCE"),
        (GOOD + "snapstart = true\nprovisioned_concurrency = 1", "not both"),
        (GOOD + "reserved_concurrency = 0", "0 is not between 1 and"),
        (GOOD + "provisioned_concurrency = -1", "-1 is not between 0 and"),
        (GOOD + "refresh_seconds = 0", "0.0 is not between 0.1 and 3600"),
        (GOOD + "[stages.dev.models.mood.alarms]\np95_ms = -1", "alarms.p95_ms: -1 is"),
        (GOOD + "[stages.dev.models.mood.alarms]\np99_ms = 9", "unknown key 'p99_ms'"),
        (TIMED, "concurrency is missing"),
        (TIMED + "concurrency = 4\nfrom_hour = 24\nto_hour = 2", "24 is not between"),
        (TIMED + "concurrency = 4\nfrom_hour = 2\nto_hour = 2", "begins and ends at 2"),
        (TIMED + 'concurrency = 4\nfrom_hour = 1\nto_hour = 2\ndays = ["Fri"]',
         "'Fri' is not one of mon, tue"),
        (TIMED + "concurrency = 4\nfrom_hour = 1\nto_hour = 2\ndays = []", "one day"),
        (TIMED + 'concurrency = 4\nfrom_hour = 1\nto_hour = 2\ntimezone = "Mars"',
         "'Mars' is not a time zone such as Europe/Berlin"),
        (GOOD + "reserved_concurrency = 3\n" + SCHEDULE, "4 provisioned is more than"),
        (GOOD + "snapstart = true\n" + SCHEDULE, "not both"),
        (GOOD + "reserved_concurrency = 1\nprovisioned_concurrency = 2", "more than"),
        (GOOD + '[stages.dev.models.tone]\nroute = "mood"', "is already used by mood"),
        (GOOD + "[stages.dev.models.tone]", "several models"),
        (GOOD + "[stages.dev.models.Tone_]", "'Tone_': expected a name"),
        (GOOD.replace("mood", "None") + 'mode = "static"\nversion = 1', "reserved"),
        (GOOD + 'route = "a/b"', "mood.route: 'a/b': expected a name"),
        (GOOD.replace("region", 'default_model = "x"\nregion'), "one of the models"),
        (GOOD + '[stages.dev.api]\nkind = "http"\nwaf = true', "HTTP API has no keys"),
        (GOOD + '[stages.dev.api]\nkind = "http"\nstream = true', "cannot stream"),
        (GOOD + "function_url = true", "set stream = true under .api"),
        (GOOD + '[stages.dev.api]\ndomain = "x.io"', "need each other"),
        (GOOD + "[stages.dev.api]\ngames = [1]", "a list of strings"),
        (GOOD + '[stages.dev.api]\ngames = ["a b"]', "'a b': expected a name"),
        (GOOD + '[stages.dev.api]\ngames = ["a", "a"]', "is listed twice"),
        (GOOD + "[stages.dev.api.limits.x]", "'x' is not one of the games: there are"),
        (GOOD + '[stages.dev.api]\ngames = ["x"]\nlimits = {x = {burst = 0}}',
         "limits.x.burst: 0 is not between"),
        (GOOD + "[stages.dev.api]\nrequests_per_second = 0", "per_second: 0 is not"),
        (GOOD + "[stages.dev.api]\nmax_body_bytes = 10_000_000", "and 4700000"),
        (GOOD + '[stages.dev.api]\nzone = "Z1"', "set both"),
        (GOOD + '[stages.dev.api]\ndomain = "x.io"\ncertificate = '
         '"arn:aws:acm:us-east-1:111122223333:certificate/1"',
         "expected the ARN of a certificate in eu-west-1"),
        (GOOD.replace("eu-west-1", "Ireland"), "'Ireland' is not a region such as"),
        (GOOD.replace("a@example.com", "ada"), "'ada' is not a mail address"),
        (GOOD.replace("region", 'account = "1"\nregion'), "expected twelve digits"),
        (GOOD.replace("region", 'registry = "ours"\nregion'), "is not s3://bucket/prefix"),
        (GOOD.replace("region", 'registry_key = "arn:aws:kms:x"\nregion'), "KMS key's"),
        (GOOD.replace("region", "log_days = 31\nregion"), "31 is not one of 1, 3, 5"),
        (GOOD.replace("region", "monthly_budget_usd = 0\nregion"), "more than 0"),
        (GOOD.replace("region", 'name = "x"\nregion'), "remove the key name"),
        (GOOD + "[stages.dev.models.mood]", "twice|overwrite"),
        (GOOD + '[stages.dev.api]\norigins = ["https://x/y"]', "is not an origin"),
        (GOOD + "ephemeral_storage_mb = 511", "511 is not between 512 and 10240"),
        (GOOD + "snapstart = true\nephemeral_storage_mb = 600", "at most 512 MB"),
        (GOOD + "[stages.dev.models.mood.alarms]\nunreachable = 0", "unreachable: 0"),
        (GOOD + "[stages.dev.access.boss]", "'boss' is not one of publisher, signer"),
        (GOOD + '[stages.dev.access.mover]\nprincipals = ["ada"]', "'ada' is not an"),
        (GOOD + '[stages.dev.access.mover]\noidc_subjects = ["repo:a/b:*"]',
         "need each other"),
        (GOOD + '[stages.dev.access.mover]\noidc_provider = "github"', "the ARN of an"),
        (GOOD + '[stages.dev.access.mover]\noidc_subjects = ["*"]\noidc_provider = '
         '"arn:aws:iam::111122223333:oidc-provider/x.io"', "accepts every repository"),
        (GOOD.replace("region", "object_lock_days = -1\nregion"), "-1 is not between"),
        (GOOD.replace("region", 'alarm_webhook = "http://x"\nregion'), "https address"),
        (GOOD.replace("region", 'tags = {"aws:x" = "y"}\nregion'), "is reserved"),
        (GOOD.replace("region", "tags = {team = 1}\nregion"), "tags.team: expect"),
        (GOOD.replace("region", 'permissions_boundary = "a b"\nregion'), "a managed"),
        (GOOD + "[stages.dev.api]\nlatency = true", "set zone"),
    ],
)  # fmt: skip
def test_a_mistake_is_named(write, text, says):
    """Each error is one line with the place and the expected value."""
    with pytest.raises(DeploymentError, match=says):
        read(write(text), "dev")


def test_a_missing_file_is_named(tmp_path):
    """A wrong path gives an error without a traceback."""
    with pytest.raises(DeploymentError, match=r"no deployment file .*x\.toml"):
        read(tmp_path / "x.toml", "dev")


def test_a_stage_is_compared_with_the_registry(write, registry, publish):
    """A model and its version have to exist before anything is deployed."""
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


def test_an_unsigned_version_is_refused(write, registry, publish, pair):
    """If a stage trusts keys, it deploys and follows only versions they signed."""
    from hotseat_registry.trust import Trust

    publish()
    registry.promote(Reference("mood", version=1), by="ada")
    registry.trust = Trust.read(str(pair()[1]))
    for text in (GOOD, GOOD + 'mode = "static"\nversion = 1'):
        with pytest.raises(DeploymentError, match=r"mood@1.*sign|sign.*mood@1"):
            check(read(write(text), "dev"), registry)


def test_a_trusted_key_has_to_be_in_the_images_folder(write, tmp_path, pair):
    """A key without its file is an error before anything is deployed."""
    from hotseat_infra.check import trusted_key_paths

    stage = read(write(GOOD.replace("region", 'trust = ["key.pub"]\nregion')), "dev")
    with pytest.raises(DeploymentError, match=r"no .*key\.pub: put the public key"):
        trusted_key_paths(stage, tmp_path / "trust")
    public = pair()[1]
    assert trusted_key_paths(stage, public.parent) == str(public)


def test_a_model_that_does_not_fit_its_function_is_refused(write, registry, bundle):
    """The error has the needed memory and the memory of the function."""
    manifest, files = bundle()
    files["model.onnx.data"] = files["model.onnx"].with_name("model.onnx.data")
    files["model.onnx.data"].write_bytes(bytes(60_000_000))
    variant = replace(manifest.variants[0], data=("model.onnx.data",))
    registry.publish(replace(manifest, variants=(variant,)), files, by="ada")
    registry.promote(Reference("mood", version=1), by="ada")
    with pytest.raises(
        DeploymentError,
        match="its successor beside it; memory_mb is 256: set memory_mb = 379",
    ):
        check(read(write(GOOD + "memory_mb = 256"), "dev"), registry)
    assert check(read(write(GOOD + "memory_mb = 512"), "dev"), registry)


def test_a_version_has_to_fit_its_image_or_its_temporary_folder(publish):
    """An image holds the whole version, a function downloads only its variant."""
    manifest = publish()

    def sized(graph, golden):
        sizes = {"model.onnx": graph, "golden.json": golden}
        files = {n: replace(f, size=sizes[n]) for n, f in manifest.files.items()}
        return replace(manifest, files=files)

    dynamic = Model(memory_mb=10_240)
    static = Model(mode="static", version=1, memory_mb=10_240)
    # while it follows a promote, a function holds two versions
    says = (
        "600,000,000 bytes; there is room for 429,496,729 in the temporary folder: "
        "set ephemeral_storage_mb = 716"
    )
    with pytest.raises(DeploymentError, match=says):
        check_size(dynamic, sized(300_000_000, 1), "here")
    check_size(
        replace(dynamic, ephemeral_storage_mb=716), sized(300_000_000, 1), "here"
    )
    check_size(static, sized(600_000_000, 1), "here")
    says = 'serve it with mode = "static"'
    with pytest.raises(DeploymentError, match=says):
        check_size(dynamic, sized(5_000_000_000, 1), "here")
    with pytest.raises(DeploymentError, match="room for 9,000,000,000 in an image"):
        check_size(static, sized(600_000_000, 9 * 10**9), "here")
    check_size(dynamic, sized(1, 9 * 10**9), "here")


def test_a_missing_variant_is_named(write, registry, publish):
    """A variant that the version lacks is an error at its key."""
    publish()
    registry.promote(Reference("mood", version=1), by="ada")
    stage = read(write(GOOD + 'variant = "int4"'), "dev")
    with pytest.raises(DeploymentError, match=r"mood\.variant: mood@1 has no variant"):
        check(stage, registry)


class Baked:
    """The folder of an image, checked against a stage with a static model."""

    def __init__(self, folder, write):
        self.folder, self.write = folder, write
        (folder / "baked").mkdir(parents=True)
        (folder / "trust").mkdir()

    def check(self, version=1, more=""):
        text = GOOD.replace("region", f"{more}\nregion")
        text += f'mode = "static"\nversion = {version}'
        check_baked(read(self.write(text), "dev"), self.folder)


@pytest.fixture
def baked(tmp_path, write):
    """An empty folder of an image."""
    return Baked(tmp_path / "functions", write)


def test_a_static_deployment_needs_its_own_baked_version(baked, registry, publish):
    """Every deploy checks the folder of the image, without a registry."""
    with pytest.raises(
        DeploymentError, match=r"holds nothing, not mood@1: .*hotseat deploy ba"
    ):
        baked.check()
    publish(), publish(positive=0.8)
    folder = baked.folder / "baked/mood"
    bake(registry, Reference("mood", version=2), folder, by="ada")
    with pytest.raises(DeploymentError, match="holds mood@2, not mood@1"):
        baked.check(1)
    baked.check(2)
    blob = next(path for path in folder.glob("blobs/sha256/*/*") if path.is_file())
    blob.chmod(0o644)
    blob.write_bytes(b"damaged")
    with pytest.raises(DeploymentError, match="run hotseat deploy bake mood@2 again"):
        baked.check(2)


def test_an_unsigned_baked_version_is_not_deployed(baked, registry, publish, pair):
    """If the stage trusts keys, an unsigned static version stops the deploy."""
    publish()
    bake(registry, Reference("mood", version=1), baked.folder / "baked/mood", by="ada")
    baked.check()
    shutil.copy(pair()[1], baked.folder / "trust/release.pub")
    with pytest.raises(DeploymentError, match="sign"):
        baked.check(more='trust = ["release.pub"]')


@pytest.mark.parametrize(
    ("arguments", "begins", "ends", "hours"),
    [
        ((16, 2, ("fri",)), "cron(0 16 ? * FRI *)", "cron(0 2 ? * SAT *)", 10),
        ((8, 20, ("mon", "sun")), "cron(0 8 ? * MON,SUN *)",
         "cron(0 20 ? * MON,SUN *)", 24),
        ((23, 1, ("sun",)), "cron(0 23 ? * SUN *)", "cron(0 1 ? * MON *)", 2),
    ],
)  # fmt: skip
def test_a_schedule_ends_on_the_right_day(arguments, begins, ends, hours):
    """Hours past midnight end on the next day, Sunday's on Monday."""
    schedule = Schedule(5, *arguments)
    assert (schedule.begins, schedule.ends) == (begins, ends)
    assert len(schedule.hours) == hours
    assert max(schedule.hours) < 168


def test_a_studios_rules_come_as_a_wheel(write, tmp_path):
    """Without one the error has the command that makes it."""
    stage = read(write(GOOD + 'packages = "halma"'), "dev")
    folder = tmp_path / "functions/packages/halma"
    with pytest.raises(DeploymentError, match=r"pip wheel --no-deps .* -w .*halma"):
        check_packages(stage, tmp_path / "functions")
    folder.mkdir(parents=True)
    (folder / "halma-1-py3-none-any.whl").touch()
    check_packages(stage, tmp_path / "functions")
    away = read(write(GOOD + 'packages = "../halma"'), "dev")
    with pytest.raises(DeploymentError, match="has no wheel"):
        check_packages(away, tmp_path / "functions")


def test_steps_with_a_tokenizer_need_preprocessing():
    """A pipeline of a text may have a step that reads tokens."""
    tokens = Input("ids", "INT64", (-1, -1), "tokens", tokens=Tokens("words.json"))
    scores = Output("scores", "FP32", (-1, 2))
    step = Step("judge", "classification", Signature((tokens,), (scores,), ("a", "b")))
    variant = Variant("original", "judge.onnx", graphs={"judge": "judge.onnx"})
    version = Manifest(
        "names", "pipeline", Signature((Input("text", "BYTES", (-1,), "text"),), ()),
        (variant,), "original", steps=(step,),
    )  # fmt: skip
    with pytest.raises(DeploymentError, match="set preprocessing = true"):
        _check_preprocessing("names", Model(), version, "here")
    _check_preprocessing("names", Model(preprocessing=True), version, "here")


def test_a_model_with_a_tokenizer_needs_preprocessing(write, registry, bundle):
    """The image without it is 36 MB smaller, and could not answer."""
    manifest, files = bundle()
    (text,) = manifest.signature.inputs
    tokens = Tokens("tokenizer.json")
    signature = replace(
        manifest.signature, inputs=(replace(text, form="tokens", tokens=tokens),)
    )
    path = files["model.onnx"].with_name("tokenizer.json")
    path.write_text("{}")
    files = {**files, "tokenizer.json": path}
    registry.publish(replace(manifest, signature=signature), files, by="ada")
    registry.promote(Reference("mood", version=1), by="ada")
    with pytest.raises(DeploymentError, match="set preprocessing = true"):
        check(read(write(GOOD), "dev"), registry)
    check(read(write(GOOD + "preprocessing = true"), "dev"), registry)


def test_rules_that_the_image_would_not_have_are_refused(write, registry, bundle):
    """A version that nothing in the image can play is not deployed."""
    manifest, files = bundle()
    signature = replace(manifest.signature, rules="halma")
    registry.publish(replace(manifest, signature=signature), files, by="ada")
    registry.promote(Reference("mood", version=1), by="ada")
    with pytest.raises(DeploymentError, match="'halma', which are not Hotseat's own"):
        check(read(write(GOOD), "dev"), registry)
    check(read(write(GOOD + 'packages = "halma"'), "dev"), registry)


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ("", "unsigned = true"),
        ('trust = ["a.pub"]\ntrust_threshold = 2', "trust has 1 keys"),
        ('trust = ["a.pub"]\nhead_grace_days = 400', "head_grace_days"),
    ],
)
def test_a_stage_says_whom_it_trusts(write, keys, words):
    """Without keys it says `unsigned`; a threshold can be reached."""
    text = GOOD.replace("unsigned = true", keys)
    with pytest.raises(DeploymentError, match=words):
        read(write(text), "dev")


def test_the_check_wants_a_signed_head(write, registry, publish, pair):
    """A stage with keys deploys no alias that its functions would not follow."""
    from hotseat_registry import archive, trust
    from hotseat_registry.signing import Signer

    private, public = pair()
    key, registry.trust = trust.LocalKey(private), trust.Trust.read(str(public))
    for positive in (0.9, 0.8):
        manifest = publish(positive=positive)
        archive.add_signature(registry, manifest, trust.sign(manifest, key))
    registry.promote(Reference("mood", version=1), by="ada")
    text = GOOD.replace("unsigned = true", 'trust = ["key.pub"]')
    stage = read(write(text), "dev")
    with pytest.raises(DeploymentError, match="hotseat registry sign"):
        check(stage, registry)
    Signer(registry, key, "ada").renew("mood")
    assert check(stage, registry)
    registry.promote(Reference("mood", version=2), by="ada")
    with pytest.raises(DeploymentError, match="hotseat model approve mood"):
        check(stage, registry)
    assert check(replace(stage, unsigned=True), registry)["mood"].version == 2


NETWORK = """
[stages.dev.network]
vpc = "vpc-0a1b2c3d"
subnets = ["subnet-0a1b2c3d", "subnet-1a1b2c3d"]
security_groups = ["sg-0a1b2c3d"]
"""
PRIVATE = "[stages.dev.api]\nprivate = true\n"
SMALL_PLAN = """
[stages.dev.api]
games = ["g"]
waf = true
burst = 5
requests_per_second = 2
waf_key_requests_per_5_minutes = 600
"""


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (NETWORK.replace("vpc-0a1b2c3d", "main"), "network.vpc: 'main' is not an id"),
        (NETWORK.replace(', "subnet-1a1b2c3d"', ""), "subnets: expected two or more"),
        (NETWORK.replace("1a1b", "0a1b"), "network.subnets: an id is listed twice"),
        (NETWORK.replace('["sg-0a1b2c3d"]', "[]"), "1 to 5 security_groups"),
        (PRIVATE, "api.private: set vpc_endpoints to existing ones"),
        (PRIVATE + 'kind = "http"\n' + NETWORK, "an HTTP API is always public"),
        (
            PRIVATE + 'domain = "x.io"\ncertificate = "c"' + NETWORK,
            "a private API has no domain of its own here: remove domain",
        ),
        (PRIVATE + 'vpc_endpoints = ["x"]', "'x' is not an id such as vpce-"),
        (
            '[stages.dev.api]\nvpc_endpoints = ["vpce-0a1b2c3d"]',
            "they lead to a private API: set private = true",
        ),
        (
            SMALL_PLAN,
            "600 is less than a game may send by its plan: set 605 or more",
        ),
        (
            "[stages.dev.api]\nwaf_key_requests_per_5_minutes = 600",
            "it counts games' keys: set waf and games",
        ),
        (
            "[stages.dev.maintenance]\nverify_every_days = 0",
            "set verify_every_days or collect_every_days",
        ),
        (
            'package = "zip"\n[stages.dev.api]\nstream = true',
            "Lambda's own Python cannot stream",
        ),
        ('package = "rpm"', "package: 'rpm' is not one of image, zip"),
        ("[stages.dev.maintenance]\nkeep_days = 0", "keep_days: 0 is not between 1"),
    ],
)
def test_a_network_that_aws_would_refuse_is_an_error(write, text, says):
    """So are a firewall below its plans and a schedule without work."""
    with pytest.raises(DeploymentError, match=re.escape(says)):
        read(write(f"{GOOD}\n{text}"), "dev")


@pytest.mark.parametrize(
    ("variable", "says"),
    [
        ('AWS_REGION = "x"', "Lambda itself sets AWS_REGION: remove it"),
        ('HOTSEAT_TRUST = ""', "HOTSEAT_TRUST follows from other keys of this file"),
        ('HOTSEAT_MAX_MS = "soon"', "HOTSEAT_MAX_MS='soon' is no int"),
        ('"A-B" = "x"', "'A-B': expected a name of letters, digits and _"),
        (f'BIG = "{"x" * 2048}"', "2,051 bytes; there is room for 2,048"),
    ],
)
def test_a_variable_that_is_not_the_files_is_an_error(write, variable, says):
    """A name of Lambda's or of another key, a bad value, too much text."""
    text = f"{GOOD}[stages.dev.models.mood.environment]\n{variable}"
    with pytest.raises(DeploymentError, match=re.escape(says)):
        read(write(text), "dev")


def test_maintenance_is_for_the_stage_that_creates_the_registry(write):
    """Another stage's registry has its schedule there."""
    text = GOOD.replace("unsigned", 'registry = "s3://ours/models"\nunsigned')
    with pytest.raises(DeploymentError, match="the registry is another stack's"):
        read(write(text + "[stages.dev.maintenance]\n"), "dev")


def test_an_encrypted_version_needs_its_key_in_the_file(write, registry, bundle):
    """Before anything is deployed, the check says which key a function lacks."""
    manifest, files = bundle()
    registry.publish(manifest, files, by="ada", encrypt=LocalKey(b"k" * 32))
    registry.promote(Reference("mood", version=1), by="ada")
    stage = read(write(GOOD), "dev")
    with pytest.raises(DeploymentError, match=r"local:.*publish it under a key in KMS"):
        check(stage, registry)
    made = registry.resolve(Reference("mood", version=1))
    arn = "arn:aws:kms:eu-west-1:111122223333:key/k-1"
    encryption = replace(made.encryption, key=arn)
    key = layout.manifest("mood", 1)
    registry.store.objects[key] = replace(made, encryption=encryption).to_bytes()
    with pytest.raises(DeploymentError, match=r"add it to stages\.dev\.enc"):
        check(stage, registry)
    stage = replace(stage, encryption_keys=(arn,))
    assert check(stage, registry)
    models = {"mood": replace(stage.models["mood"], downloads=True)}
    with pytest.raises(DeploymentError, match="games cannot decrypt it"):
        check(replace(stage, models=models), registry)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('encryption_keys = ["alias/blobs"]', "is not the ARN of a KMS key"),
        ('player_secret = "players"', "a secret's ARN with its last six"),
        (
            'player_secret_key = "arn:aws:kms:eu-west-1:111122223333:key/k"',
            "together with player_secret",
        ),
    ],
)
def test_keys_and_secrets_are_named_by_their_arns(write, line, says):
    """What a policy could not name is refused, with the form that it takes."""
    with pytest.raises(DeploymentError, match=says):
        read(write(GOOD.replace("[stages.dev]\n", f"[stages.dev]\n{line}\n")), "dev")
