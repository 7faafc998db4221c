"""Templates of paths, for metrics and traces."""

import json
import re
from pathlib import Path

import pytest

from hotseat_serve.api.route_templates import OTHER, TEMPLATES, template_of

SPEC = json.loads(
    (Path(__file__).parents[4] / "sdk/spec/openapi.json").read_text("utf-8")
)


@pytest.mark.parametrize("path", sorted({*SPEC["paths"], *TEMPLATES}))
def test_each_documented_path_has_its_template(path):
    template = template_of(re.sub(r"\{\w+\}", "1", path))
    assert re.sub(r"\{\w+\}", "{}", template) == re.sub(r"\{\w+\}", "{}", path)


@pytest.mark.parametrize(
    ("path", "template"),
    [
        ("//v1//models/mood/predict/", "/v1/models/{model}/predict"),
        ("/v1/models/models/predict", "/v1/models/{model}/predict"),
        ("/v2/models/stats", "/v2/models/stats"),
        ("/v1/models/mood/predict/x", OTHER),
        ("/v1/models/mood/versions/1/files/a/b", OTHER),
        ("/", OTHER),
        ("/.env", OTHER),
    ],
)
def test_paths_of_a_caller(path, template):
    assert template_of(path) == template
