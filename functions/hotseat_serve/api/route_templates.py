"""The template of a request's path, as the OpenAPI document writes it.

Metrics and traces group requests by it: a caller's own words in a path must not become
names of time series.
"""

from functools import lru_cache
from urllib.parse import unquote

OTHER = "other"
"""The template of a path that is no route."""
_MODEL = "/v1/models/{model}"
_VERSION = f"{_MODEL}/versions/{{version}}"
_V2 = "/v2/models/{model}"
TEMPLATES = frozenset({
    "/v1/chat/completions", "/v1/completions", "/v1/embeddings",
    "/model-service", "/v1/models", _MODEL, f"{_MODEL}:predict", f"{_MODEL}/predict",
    f"{_MODEL}/explain", f"{_MODEL}/generate", f"{_VERSION}/generate",
    f"{_MODEL}/metadata", _VERSION, f"{_VERSION}:predict",
    f"{_VERSION}/predict", f"{_VERSION}/explain", f"{_VERSION}/files/{{name}}",
    f"{_MODEL}/labels/{{label}}:predict",
    "/v2", "/v2/health/live", "/v2/health/ready", "/v2/repository/index",
    "/v2/models/stats",
    *(f"{_V2}{version}{verb}"
      for version in ("", "/versions/{version}")
      for verb in ("", "/ready", "/config", "/stats", "/infer")),
})  # fmt: skip
_PARAMETERS = {
    "models": "{model}",
    "versions": "{version}",
    "labels": "{label}",
    "files": "{name}",
}


@lru_cache(512)
def template_of(path: str) -> str:
    """Return a path's template, or `OTHER`."""
    # a base URL with a slash at its end doubles the slash
    parts = [unquote(part) for part in path.split("/") if part]
    if "/" + "/".join(parts) in TEMPLATES:
        return "/" + "/".join(parts)
    template, before = parts[:2], "".join(parts[1:2])
    for part in parts[2:]:
        parameter = _PARAMETERS.get(before)
        before = part if parameter is None else ""  # a name is no part of a route
        if parameter is None:
            template.append(part)
        elif part.endswith(":predict"):
            template.append(f"{parameter}:predict")
        else:
            template.append(parameter)
    joined = "/" + "/".join(template)
    return joined if joined in TEMPLATES else OTHER
