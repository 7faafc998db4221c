"""The FastAPI application, which writes the OpenAPI document and its viewer.

Its routes exist for their documentation; the router answers them. Mount this
application inside another one if you need to; `asgi` is faster.
"""

from typing import Any

from fastapi import FastAPI, Response
from fastapi import Request as HttpRequest
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from hotseat_serve.adapters import schemas, text_schemas
from hotseat_serve.adapters.asgi import (
    ClientDisconnectedError,
    path_of,
    request_head,
    with_body,
)
from hotseat_serve.api import downloads
from hotseat_serve.api.image_body import MEDIA_TYPES
from hotseat_serve.api.messages import JSON, Request
from hotseat_serve.api.router import Router
from hotseat_serve.problems import MEDIA_TYPE
from hotseat_serve.settings import Settings

_PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"model": schemas.Problem, "description": description}
    for status, description in {
        400: "The body is not JSON",
        404: "No such model or version",
        413: "The input is larger than the limit",
        415: "The body is of a type that the route or the model does not take",
        422: "The input does not fit the signature",
        503: "The model cannot be loaded now",
        504: "The time allowed was over",
    }.items()
}
_ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": schemas.Error, "description": description}
    for status, description in {
        400: "The request does not fit the model",
        404: "No such model or version",
        413: "The request is larger than the limit",
        500: "The service failed",
        503: "The model cannot be loaded now",
        504: "The time allowed was over",
    }.items()
}
_DEADLINE = {
    "name": "Deadline-Ms",
    "in": "header",
    "required": False,
    "description": "Milliseconds after which the caller has given up: 504.",
    "schema": {"type": "integer", "minimum": 0, "maximum": 999_999_999},
}
_RANGE_HEADER = {
    "name": "Range",
    "in": "header",
    "required": False,
    "description": f"A piece; at most {downloads.PIECE} bytes are sent at once.",
    "schema": {"type": "string", "pattern": r"^bytes=\d{1,15}-\d{0,15}$"},
}
_FILE: dict[str, Any] = {
    "description": "Bytes; ETag is the whole file's SHA-256",
    "content": {downloads.BYTES: {"schema": {"type": "string", "format": "binary"}}},
}
_IMAGES: dict[str, Any] = {
    media_type: {"schema": {"type": "string", "format": "binary"}}
    for media_type in MEDIA_TYPES
}
_THROTTLED: dict[str, Any] = {
    "model": schemas.Problem, "description": "The budget of tokens is used up"
}  # fmt: skip
_OPENAI = ("/v1/chat/completions", "/v1/completions", "/v1/embeddings")
_STREAMED = ("/generate", "/completions")
_PREDICT = ("/predict", "/model-service")
# path, method, body, answer, summary; a path parameter is named in braces
_ROUTES: list[tuple[str, str, Any, Any, str]] = [
    ("/model-service", "POST", schemas.Request, schemas.One | schemas.Many,
     "Ask the default model"),
    ("/v1/models", "GET", None, schemas.Catalogue, "List the models"),
    ("/v1/models/{model}", "GET", None, schemas.Card, "Show one model"),
    ("/v1/models/{model}:predict", "POST", schemas.Instances, schemas.Many,
     "Ask as KServe's version 1 does"),
    ("/v1/models/{model}/predict", "POST", schemas.Request, schemas.One | schemas.Many,
     "Ask a model's live version"),
    ("/v1/models/{model}/versions/{version}/predict", "POST", schemas.Request,
     schemas.One | schemas.Many, "Ask one version of a model, by number or alias"),
    *((f"/v1/models/{{model}}{version}/explain", "POST", schemas.Request,
       schemas.Explained,
       "Ask why: the answer to one input, and the weight of each of its parts")
      for version in ("", "/versions/{version}")),
    *((f"/v1/models/{{model}}{version}/generate", "POST", text_schemas.Generate,
       text_schemas.Generated,
       "Let a language model write: whole, or streamed as server-sent events")
      for version in ("", "/versions/{version}")),
    ("/v1/chat/completions", "POST", text_schemas.Chat, dict[str, Any],
     "Chat as OpenAI's clients ask for it"),
    ("/v1/completions", "POST", text_schemas.Completion, dict[str, Any],
     "Continue a text as OpenAI's clients ask for it"),
    ("/v1/embeddings", "POST", text_schemas.Embeddings, dict[str, Any],
     "Embed texts as OpenAI's clients ask for it"),
    ("/v1/models/{model}/versions/{version}", "GET", None, schemas.Version,
     "What a device needs to run a version itself, where the model is offered"),
    ("/v1/models/{model}/versions/{version}/files/{name}", "GET", None, bytes,
     "A file of a version, or a piece of it"),
    ("/v2", "GET", None, schemas.Server, "Server metadata"),
    ("/v2/health/live", "GET", None, schemas.Live, "Whether the process answers"),
    ("/v2/health/ready", "GET", None, schemas.Ready,
     "Whether the default model answers"),
    ("/v2/repository/index", "POST", None, list[schemas.Indexed], "List the models"),
    *((f"/v2/models/{{model}}{version}{verb}", method, body, answer, summary)
      for version in ("", "/versions/{version}")
      for verb, method, body, answer, summary in (
          ("", "GET", None, schemas.Metadata, "Model metadata"),
          ("/ready", "GET", None, schemas.ModelReady, "Whether the model answers"),
          ("/config", "GET", None, dict[str, Any], "Model configuration"),
          ("/stats", "GET", None, dict[str, Any], "Model statistics"),
          ("/infer", "POST", schemas.Infer, schemas.Inferred, "Inference"),
      )),
]  # fmt: skip


def create_app(router: Router) -> FastAPI:
    """Return the application."""
    app = FastAPI(
        title="Hotseat",
        summary="Model-as-a-Service for games",
        version="1",
        redirect_slashes=False,
    )

    # `async def`: a plain function would start a thread for each invocation
    async def endpoint(http: HttpRequest) -> Response:
        try:
            answer = router.answer(await _request(http, router.settings))
        except ClientDisconnectedError:
            return Response(status_code=400)  # the client has disconnected
        return Response(answer.body, answer.status, dict(answer.headers))

    for path, method, body, answer, summary in _ROUTES:
        names = [part[1:].partition("}")[0] for part in path.split("/") if "{" in part]
        extra: dict[str, Any] = {
            "parameters": [
                {
                    "name": n,
                    "in": "path",
                    "required": True,
                    "schema": {"type": "string"},
                }
                for n in names
            ]
        }
        responses = _ERRORS if path.startswith("/v2") else _PROBLEMS
        if path in _OPENAI:
            responses = {
                status: {**response, "model": text_schemas.OpenAIError}
                for status, response in {**_PROBLEMS, 429: _THROTTLED}.items()
            }
        if path.endswith(_STREAMED):
            events = {"text/event-stream": {"schema": {"type": "string"}}}
            responses = {200: {"content": events}, 429: _THROTTLED, **responses}
        if answer is bytes:
            extra["parameters"].append(_RANGE_HEADER)
            responses = {200: _FILE, 206: _FILE, **responses}
        if body is not None:
            extra["parameters"].append(_DEADLINE)
            schema = body.model_json_schema(ref_template="#/components/schemas/{model}")
            extra["requestBody"] = {
                "required": True,
                "content": {
                    "application/json": {"schema": schema},
                    **(_IMAGES if path.endswith(_PREDICT) else {}),
                },
            }
        app.add_api_route(
            path,
            endpoint,
            methods=[method],
            summary=summary,
            operation_id=f"{method.lower()}{path.translate(_PLAIN)}",
            response_model=None if answer is bytes else answer,
            response_class=Response if answer is bytes else JSONResponse,
            responses=responses,
            openapi_extra=extra,
        )

    @app.exception_handler(HTTPException)
    async def unknown(http: HttpRequest, _error: HTTPException) -> Response:
        """Let the router answer unknown routes."""
        return await endpoint(http)

    generate_document = app.openapi
    app.openapi = lambda: _with_problems(generate_document())  # type: ignore[method-assign]
    return app


def _with_problems(document: dict[str, Any]) -> dict[str, Any]:
    """Set the media type of problem documents, which FastAPI does not know."""
    operations = [
        operation
        for path, methods in document["paths"].items()
        if not path.startswith("/v2") and path not in _OPENAI
        for operation in methods.values()
    ]
    for operation in operations:
        for status, response in operation["responses"].items():
            content = response.get("content", {})
            if status != "200" and JSON in content:
                content[MEDIA_TYPE] = content.pop(JSON)
    return document


_PLAIN = str.maketrans({**dict.fromkeys("/{}-", "_"), ":": "_kserve_"})


async def _request(http: HttpRequest, settings: Settings) -> Request:
    head = request_head(http.scope, path_of(http.scope, settings.base_path))
    head = head._replace(streams=False)
    return await with_body(head, http.receive, settings.max_body_bytes)
