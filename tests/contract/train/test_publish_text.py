"""Language models are published from a folder of onnxruntime-genai."""

import base64
import json

import onnx
import pytest
from tests import language_models

from hotseat._cli import main
from hotseat_registry import Reference, Variant, open_registry
from hotseat_registry.errors import IntegrityError
from hotseat_serve.api.messages import Request
from hotseat_serve.api.router import Router
from hotseat_serve.runtime.loader import open_variant
from hotseat_serve.runtime.model_cache import ModelCache
from hotseat_serve.settings import Settings
from hotseat_train.errors import GateError, RunError
from hotseat_train.external.errors import SourceError, UnclearError
from hotseat_train.external.language.chat_format import read_chat_format
from hotseat_train.external.language.publish import LanguageOptions, _gate, prepare
from hotseat_train.external.publish import publish
from hotseat_train.language import cataclysm
from hotseat_train.language.tuning import LearnedFrom, Tuning

CHAT = (
    "{% for m in messages %}<|begin|>{{ m.role[0] | upper }}:{{ m.content }}<|end|>"
    "{% endfor %}{% if add_generation_prompt %}<|begin|>A:{% endif %}"
)


@pytest.fixture
def folder(tmp_path):
    """Return a folder as the builder writes it, of the model of letters."""
    place = tmp_path / "letters"
    place.mkdir()
    onnx.save(language_models.graph(), place / "model.onnx")
    language_models.tokenizer().save(str(place / "tokenizer.json"))
    plan = language_models.plan()
    config = {
        "model": {
            "type": "llama", "context_length": 300, "eos_token_id": plan.stop_tokens[0],
            "vocab_size": plan.vocabulary,
            "decoder": {"filename": "model.onnx", "head_size": 2,
                        "num_hidden_layers": 1, "num_key_value_heads": 1},
        }
    }  # fmt: skip
    (place / "genai_config.json").write_text(json.dumps(config))
    (place / "tokenizer_config.json").write_text(json.dumps({"chat_template": CHAT}))
    return place


def test_a_folder_becomes_a_version_that_answers(folder, tmp_path):
    """Published, promoted and asked: with its template, golden rows and perplexity."""
    template = tmp_path / "template.toml"
    template.write_text(
        'canned = "Hm."\n[[messages]]\nrole = "user"\ncontent = "{lore}{prompt}"\n'
        '[[slots]]\nname = "prompt"\n[[slots]]\nname = "lore"\ndefault = ""\n'
        '[retrieval]\nslot = "lore"\nmodel = "lore"\nquery = "prompt"\n'
    )
    held_out = tmp_path / "held-out.txt"
    held_out.write_text("abcdef\nxyz. abc\n")
    work = tmp_path / "work"
    work.mkdir()
    options = LanguageOptions(template, held_out)
    prepared = prepare(folder, "letters", options, work, lambda _line: None)
    registry = open_registry(f"file://{tmp_path}/registry")
    version = publish(prepared, registry, by="ada")
    metrics = version.variants[0].metrics
    assert metrics["perplexity"] < 1.5  # it knows the alphabet
    assert metrics["token_probability"] == pytest.approx(
        1 / metrics["perplexity"], abs=1e-4
    )
    assert metrics["tokens_per_second"] > 0
    assert metrics["cold_start_ms"] > 0
    assert "perplexity" in version.card
    assert "the slots of its template: prompt." in version.card
    assert "lore finds to prompt" in version.card
    registry.promote(Reference("letters", version=1), by="ada")
    settings = Settings(cache=str(tmp_path / "cache"), log=False)
    router = Router(ModelCache(registry, settings), settings)
    body = {"input": {"prompt": "Hi"}, "options": {"max_tokens": 4, "temperature": 0}}
    answer = router.answer(
        Request("POST", "/v1/models/letters/generate", json.dumps(body).encode())
    )
    assert json.loads(answer.body)["text"] == "abcd"


def test_the_card_of_a_tuned_version_credits_what_it_learned_from(folder, tmp_path):
    """Its figures, what its texts are like, and what the licence asks for."""
    Tuning(
        "letters", "You write.", 6, 90, 5, 40.0, 20.0,
        (LearnedFrom("item-texts", cataclysm.CREDIT, cataclysm.LICENCE),
         LearnedFrom("own.jsonl")),
        ("Write.", "Write more."), "chat@3", 7,
    ).write(folder)  # fmt: skip
    work = tmp_path / "work"
    work.mkdir()
    manifest = prepare(folder, "npc", LanguageOptions(), work, lambda _: None).manifest
    metrics = manifest.variants[0].metrics
    assert metrics["texts"] == 2
    assert 0 < metrics["distinct_1"] <= metrics["distinct_2"] <= 1
    assert 0 <= metrics["repetition"] <= 1
    assert 0 <= metrics["filter_passed"] <= 1
    card = manifest.card
    assert "7 were left out: chat@3 flags them." in card
    assert "| 40.00 |" in card
    assert "| 20.00 (-50%) |" in card
    assert cataclysm.CREDIT in card
    assert "`own.jsonl`: nobody has said" in card
    assert "**CC-BY-SA-3.0 asks to share alike.**" in card
    (folder / "tuning.json").write_text("{}")
    again = tmp_path / "again"
    again.mkdir()
    with pytest.raises(RunError, match=r"tuning\.json cannot be read"):
        prepare(folder, "npc", LanguageOptions(), again, lambda _: None)


def test_what_cannot_be_encrypted_is_not_published_in_the_clear(
    folder, tmp_path, capsys
):
    """A language model with --encrypt is refused, and nothing is published."""
    key = tmp_path / "key"
    key.write_text(base64.b64encode(bytes(range(32))).decode())
    registry = open_registry(f"file://{tmp_path}/registry")
    words = ["publish", folder, "--registry", registry.store.uri, "--encrypt", key]
    assert main(list(map(str, words))) != 0
    assert "publish it without --encrypt" in capsys.readouterr().err
    assert registry.models() == []


def test_flags_of_another_kind_of_model_are_refused(folder, tmp_path, capsys):
    """Those of graphs beside a language model, and those of texts beside a graph."""
    registry = f"file://{tmp_path}/registry"
    labels = ["publish", str(folder), "--labels", "a,b", "--registry", registry]
    assert main(labels) != 0
    assert "leave out the flags of graphs" in capsys.readouterr().err
    graph = str(folder / "model.onnx")
    precise = ["publish", graph, "--precision", "int8", "--registry", registry]
    assert main(precise) != 0
    assert "--precision is for language models" in capsys.readouterr().err


def test_golden_answers_hold_a_version_to_its_weights(folder, tmp_path):
    """Other weights under the same golden rows are refused when it is opened."""
    work = tmp_path / "work"
    work.mkdir()
    options = LanguageOptions()
    prepared = prepare(folder, "letters", options, work, lambda _line: None)
    golden = json.loads(prepared.files["golden.json"].read_bytes())
    assert golden["rows"][0]["answer"]
    golden["rows"][0]["answer"] = golden["rows"][0]["answer"][::-1]
    prepared.files["golden.json"].write_text(json.dumps(golden))
    paths = {"graph": prepared.files["original.onnx"],
             "tokenizer.json": prepared.files["tokenizer.json"],
             "golden": prepared.files["golden.json"]}  # fmt: skip
    with pytest.raises(IntegrityError, match="golden row 0"):
        open_variant(prepared.manifest, "original", paths, 1, 60)


def test_what_cannot_be_served_is_refused_with_the_way_out(folder, tmp_path):
    """A missing tokenizer, a template with unknown keys, a chat template of its own."""
    work = tmp_path / "work"
    work.mkdir()
    template = tmp_path / "template.json"
    template.write_text('{"mesages": []}')
    with pytest.raises(UnclearError, match=r"it may have .*messages"):
        prepare(folder, "letters", LanguageOptions(template), work, print)
    (folder / "tokenizer.json").unlink()
    with pytest.raises(SourceError, match=r"no tokenizer\.json"):
        prepare(folder, "letters", LanguageOptions(), work, print)
    odd = "{{ messages | length }}"
    with pytest.raises(UnclearError, match="--template that has roles"):
        read_chat_format(odd, "", language_models.plan())


def test_a_chat_template_becomes_texts():
    """Roles, a default system message, and a template without system messages."""
    plan = read_chat_format(CHAT, "", language_models.plan())
    assert plan.roles["user"] == ("<|begin|>U:", "<|end|>")
    assert plan.roles["assistant"] == ("<|begin|>A:", "<|end|>")
    default = (
        "{% if messages[0].role != 'system' %}[system]Be kind.\n{% endif %}"
        "{% for m in messages %}[{{ m.role }}]{{ m.content }}\n{% endfor %}"
        "{% if add_generation_prompt %}[assistant]{% endif %}"
    )
    plan = read_chat_format(default, "", language_models.plan())
    assert plan.default_system == "Be kind."
    assert plan.roles["system"] == ("[system]", "\n")


def test_a_variant_that_lost_too_much_is_refused():
    """The gate names the rise and the way out."""
    variant = Variant("int4", "int4.onnx", metrics={"perplexity_rise": 0.31})
    with pytest.raises(GateError, match=r"31\.0% above that of fp32.*--precision"):
        _gate([variant], 0.03)
    _gate([variant], 0.4)
