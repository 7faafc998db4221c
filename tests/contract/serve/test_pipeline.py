"""Pictures with words in them, through a pipeline of real graphs and the service."""

import base64
import io
import json
import shutil

import pictures
import PIL.Image
import PIL.ImageDraw
import PIL.ImageFont
import pytest

from hotseat_registry import Manifest, Reference, Registry
from hotseat_registry.cache import Cache
from hotseat_registry.errors import IntegrityError
from hotseat_registry.stores import open_store
from hotseat_registry.testing import MemoryStore
from hotseat_registry.wrapping_keys import open_key
from hotseat_serve.api.messages import Request
from hotseat_serve.api.router import Router
from hotseat_serve.runtime.loader import load
from hotseat_serve.runtime.model_cache import ModelCache
from hotseat_serve.settings import Settings
from hotseat_train.errors import TrainError
from hotseat_train.external import pipeline, pipeline_file

MODEL = "image-moderation"
needs_graphs = pytest.mark.skipif(
    not (pictures.OCR.is_dir() and pictures.NSFW.is_file()),
    reason="graphs of others are missing: make .venv/ocr/ready .venv/models/ready",
)


def shown(*lines, size=(640, 360)):
    """Return the PNG of a picture with lines of text."""
    picture = PIL.Image.new("RGB", size, (40, 80, 60))
    drawing = PIL.ImageDraw.Draw(picture)
    font = PIL.ImageFont.truetype(str(pictures.FONTS[0]), 28)
    for at, line in enumerate(lines):
        drawing.text((60, 60 + 110 * at), line, font=font, fill="white")
    return pictures.encoded(picture)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The registry of the pipeline and of what it is of, published once."""
    folder = tmp_path_factory.mktemp("pictures")
    registry = pictures.published(folder, nsfw=True)
    registry.promote(Reference(MODEL, version=1), by="ada")
    return folder


@pytest.fixture(scope="module")
def ask(folder):
    """Ask the service; returns status and answer."""
    registry = Registry(open_store((folder / "registry").as_uri()))
    settings = Settings(cache=str(folder / "cache"), default_model=MODEL)
    router = Router(ModelCache(registry, settings), settings)

    def ask(body, path=f"/v1/models/{MODEL}/predict", media_type="application/json"):
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
        headers = {"content-type": media_type}
        answer = router.answer(Request("POST", path, body, headers, "id"))
        return answer.status, json.loads(answer.body)

    return ask


@needs_graphs
def test_an_insult_in_a_picture_is_flagged_where_it_is(ask):
    """The reason names step, label, text and box; the harmless line is no reason."""
    status, answer = ask(
        shown("gg well played", "you stupid noob"), media_type="image/png"
    )
    assert status == 200
    assert answer["label"] == "flagged"
    (reason,) = answer["reasons"]
    assert (reason["step"], reason["label"]) == ("words", "toxic")
    assert reason["probability"] >= reason["threshold"]
    assert answer["texts"] == ["gg well played", "you stupid noob"]
    insult = answer["lines"][1]
    (left, top), _, (right, bottom), _ = insult["box"]
    assert left < 62
    assert 150 < top < 180
    assert 260 < right < 360
    assert bottom < 225
    assert answer["steps"]["nudity"]["label"] == "sfw"
    assert set(answer["steps"]["words"]["scores"]) == {
        "ok", "toxic", "implicit", "report",
    }  # fmt: skip


@needs_graphs
def test_an_encrypted_pipeline_answers_as_well(folder, tmp_path):
    """Each step's graph is decrypted in memory."""
    source = Registry(open_store((folder / "registry").as_uri()))
    manifest = source.resolve(Reference(MODEL, version=1))
    paths = source.fetch(manifest, Cache(tmp_path / "fetched"))
    target, key = Registry(MemoryStore()), tmp_path / "blobs.key"
    key.write_text(base64.b64encode(b"k" * 32).decode())
    target.publish(manifest, paths, by="ada", encrypt=open_key(str(key)))
    settings = Settings(cache=str(tmp_path / "cache"), decrypt_keys=str(key))
    loaded = load(target, Reference(MODEL, version=1), settings)
    picture = base64.b64encode(shown("you stupid noob")).decode()
    (answer,) = loaded.predict([{"image": picture}])
    assert answer["label"] == "flagged"


@needs_graphs
def test_harmless_pictures_are_ok(ask):
    """One with words, one without; base64, alone and many."""
    words = base64.b64encode(shown("see you tomorrow")).decode()
    empty = base64.b64encode(shown()).decode()
    status, answer = ask({"inputs": [{"image": words}, {"image": empty}]})
    assert status == 200
    first, second = answer["predictions"]
    assert [first["label"], second["label"]] == ["ok", "ok"]
    assert first["reasons"] == second["texts"] == []
    assert second["steps"]["words"] is None


@needs_graphs
def test_the_explanation_says_which_words_and_where(ask):
    """Each word with its own box, from left to right, the insult with most weight."""
    image = base64.b64encode(shown("nice idiot map")).decode()
    status, answer = ask({"input": {"image": image}}, f"/v1/models/{MODEL}/explain")
    assert status == 200
    parts = answer["parts"]
    assert [part["part"] for part in parts] == ["nice", "idiot", "map"]
    assert max(parts, key=lambda part: part["weight"])["part"] == "idiot"
    lefts = [part["box"][0][0] for part in parts]
    assert lefts == sorted(lefts)
    status, answer = ask({"image": base64.b64encode(shown()).decode()},
                         f"/v1/models/{MODEL}/explain")  # fmt: skip
    assert (status, answer["code"]) == (422, "invalid_input")


@needs_graphs
@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        ({"image": "https://example.com/a.png"}, 422, "a URL, which the service does"),
        ({"image": "bm90IGFuIGltYWdl"}, 422, "expected a PNG, JPEG or WebP image"),
        ({"image": 7}, 422, "expected an image in base64"),
        ({"picture": "aaaa"}, 422, "expected 'image'"),
    ],
)
def test_what_is_no_picture_is_refused(ask, body, status, says):
    """No URL is fetched, and the pointer names the field."""
    found, answer = ask(body)
    assert found == status, answer
    assert says in answer["detail"]


@needs_graphs
def test_a_picture_of_too_many_pixels_is_not_decoded(ask):
    """A small file can be a large picture."""
    buffer = io.BytesIO()
    PIL.Image.new("1", (4000, 3000)).save(buffer, "PNG")
    status, answer = ask(buffer.getvalue(), media_type="image/png")
    assert (status, answer["code"]) == (413, "too_large")
    assert "4000 x 3000 pixels; the limit is 8,000,000" in answer["detail"]


@needs_graphs
def test_tensors_are_for_versions_of_one_graph(ask):
    """The Open Inference Protocol says where pipelines answer."""
    status, answer = ask({"inputs": []}, f"/v2/models/{MODEL}/infer")
    assert status == 400
    assert "/v1/models/{model}/predict" in answer["error"]


@needs_graphs
def test_the_version_is_of_all_its_graphs(folder):
    """One manifest with every digest; a graph that changed is refused."""
    registry = Registry(open_store((folder / "registry").as_uri()))
    manifest = registry.resolve(Reference(MODEL, version=1))
    chat = registry.resolve(Reference("chat-moderation", version=1))
    graphs = manifest.variants[0].graphs
    assert set(graphs) == {"regions", "lines", "words", "nudity"}
    (variant,) = chat.variants
    words = manifest.files[graphs["words"]]
    assert words.sha256 == chat.files[variant.file].sha256
    assert manifest.lineage["steps"]["words"] == "chat-moderation@1"
    assert Manifest.from_bytes(manifest.to_bytes(), "it") == manifest
    assert manifest.format == 5
    copy = folder / "changed"
    shutil.copytree(folder / "registry", copy)
    blob = copy / f"blobs/sha256/{words.sha256[:2]}/{words.sha256}"
    blob.chmod(0o600)
    blob.write_bytes(blob.read_bytes()[:-1] + b"!")
    settings = Settings(cache=str(folder / "other"))
    with pytest.raises(IntegrityError, match=r"words\.onnx"):
        pictures.loader.load(Registry(open_store(copy.as_uri())),
                             Reference(MODEL, version=1), settings)  # fmt: skip


STEP = '[[steps]]\nname = "words"\nversion = "chat-moderation@1"\n'


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("steps = 3", "a list of one or more steps"),
        ('[[steps]]\nname = "a"\nkind = "magic"', "kind is regions or transcription"),
        ('[[steps]]\nname = "a"', "it needs a version"),
        (STEP + "treshold = 1", "unknown key 'treshold'"),
        (STEP + 'threshold = "high"', "threshold is a number, not 'high'"),
        ('[[steps]]\nname = "a"\nkind = "regions"\ngraph = "a.onnx"', "needs a width"),
        ("steps = [", "cannot be read"),
    ],
)
def test_a_pipeline_file_with_a_mistake_says_where(tmp_path, text, says):
    """By step and key."""
    path = tmp_path / "pipeline.toml"
    path.write_text(text)
    with pytest.raises(TrainError, match=says):
        pipeline_file.read(path)


@needs_graphs
@pytest.mark.parametrize(
    ("text", "says"),
    [
        (STEP + 'from = "lines"', "reads 'lines', which is no step before it"),
        (STEP + 'flags = ["rude"]', "no label 'rude' to flag"),
        (STEP + "threshold = 3", "a probability from 0 to 1"),
        (STEP, "reads text, and the input is image"),
        (STEP.replace("@1", "@9"), "step 'words': chat-moderation has no version 9"),
        ('labels = ["a", "b", "c"]\n' + STEP, "two labels or none"),
        ('input = "text"\n' + STEP + STEP, "a name of its own"),
    ],
)
def test_steps_that_cannot_follow_each_other_are_refused(folder, tmp_path, text, says):
    """Before anything is measured."""
    path = tmp_path / "pipeline.toml"
    path.write_text(text)
    registry = Registry(open_store((folder / "registry").as_uri()))
    with pytest.raises(TrainError, match=says):
        pipeline.prepare(path, "odd", registry, tmp_path)


@needs_graphs
def test_a_pipeline_of_a_text_answers_texts(folder, tmp_path):
    """A picture is not needed; examples with labels give the gate its accuracy."""
    path = tmp_path / "names.toml"
    path.write_text('labels = ["ok", "flagged"]\ninput = "text"\n' + STEP +
                    'flags = ["toxic"]\nthreshold = 0.5\n')  # fmt: skip
    rows = [("gg", "ok"), ("you are an idiot", "flagged"), ("go mid", "flagged")]
    example = tmp_path / "examples.jsonl"
    example.write_text("".join(
        json.dumps({"text": text, "label": label}) + "\n" for text, label in rows
    ))  # fmt: skip
    registry = Registry(open_store((folder / "registry").as_uri()))
    prepared = pipeline.prepare(path, None, registry, tmp_path,
                                example=example, target="label")  # fmt: skip
    metrics = prepared.manifest.variants[0].metrics
    assert prepared.manifest.model == "names"
    assert metrics["accuracy"] == pytest.approx(2 / 3, abs=1e-4)
    assert metrics["interval"][0] < 2 / 3 < metrics["interval"][1]
    assert (metrics["caught"], metrics["false_alarms"]) == (0.5, 0.0)
    assert "50.0 % of those that are to be found" in prepared.manifest.card
