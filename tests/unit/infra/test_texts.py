"""Language models in the deployment file: what is missing is named, with its value."""

from dataclasses import replace

import language_models
import pytest

from hotseat_infra.check import check, check_size
from hotseat_infra.deployment import DeploymentError, Model, read
from hotseat_infra.text_check import text_warnings
from hotseat_registry import Reference
from hotseat_registry.text_plan import TextPlan

HEAD = """
[stages.dev]
region = "eu-west-1"
alarm_email = "a@example.com"
unsigned = true
"""
LETTERS = "[stages.dev.models.letters]\n"
TEXT = f"{HEAD}{LETTERS}text = true\n"
API = "[stages.dev.api]\n"
PROVIDER = "arn:aws:lambda:eu-west-1:111122223333:capacity-provider:texts"
MANAGED = f'{TEXT}capacity_provider = "{PROVIDER}"\n'


@pytest.fixture
def stage(tmp_path):
    """Read a deployment file's stage dev."""

    def make(text):
        path = tmp_path / "deployment.toml"
        path.write_text(text)
        return read(path, "dev")

    return make


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (f"{TEXT}timeout_s = 60", "a REST API with stream = true takes up to 900"),
        (f"{TEXT}timeout_s = 901\n{API}stream = true", "901 is not between 1 and 900"),
        (f'{HEAD}{LETTERS}filter = "chat"', "set text = true, or remove it"),
        (f'{TEXT}filter = "chat mod"', "is not a model such as chat-moderation"),
        (f'{TEXT}filter = "chat"\nmode = "static"\nversion = 1', 'mode = "dynamic"'),
        (f'{HEAD}chat_model = "x"\n{LETTERS}', "'x' is not one of the models"),
        (f'{HEAD}embeddings_model = "x"\n{LETTERS}', "'x' is not one of the models"),
        (f'{HEAD}chat_model = "letters"\n{LETTERS}', "letters writes no texts"),
        (f"{TEXT}{API}player_tokens_per_hour = 9", "without access nobody knows"),
        (f"{TEXT}{API}tokens_per_hour = -1", "tokens_per_hour: -1 is not from 0"),
        (f"{HEAD}{LETTERS}{API}tokens_per_hour = 9", "no model writes texts"),
        (f'{TEXT}capacity_provider = "texts"', "'texts' is not an ARN such as"),
        (MANAGED, "managed instances take 2048 or more, not 1024"),
        (f"{MANAGED}memory_mb = 4096\nsnapstart = true", "snapstart: managed"),
        (f"{MANAGED}memory_mb = 4096\nprovisioned_concurrency = 1", "by themselves"),
        (f"{MANAGED}memory_mb = 4096\nreserved_concurrency = 1", "by themselves"),
    ],
)
def test_keys_that_contradict_each_other_are_refused(stage, text, says):
    """Each error is one line with the place and the way out."""
    with pytest.raises(DeploymentError, match=says):
        stage(text)


def test_texts_have_defaults_of_their_own(stage):
    """The alarm of a classification would ring at every text."""
    text = stage(TEXT)
    assert (text.models["letters"].p95_ms, text.api_p95_ms) == (10_000, 10_000)
    plain = stage(HEAD + LETTERS)
    assert (plain.models["letters"].p95_ms, plain.api_p95_ms) == (250, 1_000)
    exact = stage(f"{TEXT}[stages.dev.models.letters.alarms]\np95_ms = 700")
    assert exact.models["letters"].p95_ms == 700


def test_openai_paths_lead_to_the_model_that_writes(stage):
    """The only one, or the one that is named; with two of them, neither by chance."""
    chat = {"chat/completions": "letters", "completions": "letters"}
    assert stage(TEXT).openai_routes() == chat
    assert stage(HEAD + LETTERS).openai_routes() == {}
    two = f'{HEAD}default_model = "b"\n{LETTERS}text = true\n[stages.dev.models.b]\n'
    named = two.replace("unsigned", 'embeddings_model = "b"\nunsigned')
    assert stage(named).openai_routes() == {**chat, "embeddings": "b"}
    both = f"{two}text = true\n"
    assert stage(both).openai_routes() == {}
    chosen = both.replace("unsigned", 'chat_model = "letters"\nunsigned')
    assert stage(chosen).openai_routes() == chat


def test_a_language_model_needs_its_packages_and_its_filter(stage, registry, tmp_path):
    """Each error names the key to set; with both set, the version is deployed."""
    language_models.publish(registry, tmp_path / "letters", filter="chat")
    with pytest.raises(DeploymentError, match=r"filter: .*chat"):
        check(stage(TEXT), registry)  # it is not in the registry
    language_models.publish_filter(registry, tmp_path / "chat", ".*bad.*")
    with pytest.raises(DeploymentError, match="language model: set text = true"):
        check(stage(HEAD + LETTERS), registry)
    with pytest.raises(DeploymentError, match='set filter = "chat"'):
        check(stage(TEXT), registry)
    with pytest.raises(DeploymentError, match='no text would pass: set mode = "dyna'):
        check(stage(f'{TEXT}mode = "static"\nversion = 1'), registry)
    assert check(stage(f'{TEXT}filter = "chat"\nmemory_mb = 2048'), registry)
    with pytest.raises(DeploymentError, match=r"filter: .*letters#live|letters@1"):
        check(stage(f'{TEXT}filter = "letters"\nmemory_mb = 2048'), registry)


def test_a_filter_is_held_beside_the_model(registry, tmp_path):
    """Memory and temporary folder count the filter, and its successor."""
    language_models.publish_filter(registry, tmp_path / "chat", ".*bad.*")
    language_models.publish(registry, tmp_path / "letters", filter="chat")
    letters, chat = (
        registry.resolve(Reference(name, alias="live")) for name in ("letters", "chat")
    )
    files = {"model.onnx": replace(chat.files["model.onnx"], size=300_000_000)}
    large = replace(chat, files=files)
    check_size(Model(memory_mb=1024), letters, "here")
    says = r"with its filter chat@1 needs about 57\d MB .*set memory_mb = 129\d"
    with pytest.raises(DeploymentError, match=says):
        check_size(
            Model(memory_mb=1024, ephemeral_storage_mb=1024), letters, "here",
            beside=large,
        )  # fmt: skip
    with pytest.raises(DeploymentError, match="set ephemeral_storage_mb = 71"):
        check_size(Model(memory_mb=4096), letters, "here", beside=large)


def test_memory_counts_the_cache_of_a_full_context(registry, tmp_path):
    """Measured with a short answer, the model takes its whole cache later."""
    manifest = language_models.publish(registry, tmp_path / "letters")
    text = manifest.signature.text
    long = TextPlan(**{**text.to_json(), "layers": 30, "heads": 3, "head_size": 64,
                       "context_tokens": 8192})  # fmt: skip
    assert long.cache_bytes == 360 << 20
    signature = replace(manifest.signature, text=long)
    variants = (replace(manifest.variants[0], metrics={"memory_bytes": 200 << 20}),)
    large = replace(manifest, signature=signature, variants=variants)
    assert large.memory_bytes(variants[0]) == 560 << 20
    with pytest.raises(DeploymentError, match="set memory_mb = 1270"):
        check_size(Model(memory_mb=1269), large, "here")
    check_size(Model(memory_mb=1270), large, "here")


def test_what_would_be_slow_is_a_warning(stage, registry, tmp_path):
    """Less than a core, no stream, and a time that is shorter than an answer."""
    manifest = language_models.publish(registry, tmp_path / "letters")
    metrics = {"tokens_per_second": 10.0, "first_token_ms": 1000.0}
    variants = (replace(manifest.variants[0], metrics=metrics),)
    served = {"letters": replace(manifest, variants=variants)}
    slow, whole, short = text_warnings(stage(TEXT), served)
    assert "have 0.58 of a core" in slow
    assert "set stream = true" in whole
    assert "200 tokens, the most of letters@1, take about 36 s" in short
    good = f"{TEXT}memory_mb = 1769\ntimeout_s = 30\n{API}stream = true"
    assert text_warnings(stage(good), served) == []
