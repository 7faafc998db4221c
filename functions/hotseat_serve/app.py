"""The whole API as a FastAPI application, which also writes the OpenAPI document."""

import json
import uuid
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException

from hotseat_registry import open_registry
from hotseat_registry.trust import Trust
from hotseat_serve import wire
from hotseat_serve.models import Models
from hotseat_serve.problems import MEDIA_TYPE, Problem
from hotseat_serve.service import Service
from hotseat_serve.settings import Settings

_BODY = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": wire.Request.model_json_schema()}},
    }
}
_PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"model": wire.Problem, "description": description}
    for status, description in {
        400: "The body is not JSON",
        404: "No such model or version",
        413: "The input is larger than the limit",
        422: "The input does not fit the signature",
        503: "The model cannot be loaded now",
    }.items()
}
_CODES = {404: "not_found", 405: "method_not_allowed"}


def create_app(settings: Settings, models: Models | None = None) -> FastAPI:
    """Return the application; it opens the registry when it is first asked."""
    if models is None:
        trust = Trust.read(settings.trust) if settings.trust else None
        models = Models(open_registry(settings.registry, trust=trust), settings)
    service = Service(models, settings)
    app = FastAPI(
        title="Hotseat",
        summary="Model-as-a-Service for games",
        version="1",
        responses=_PROBLEMS,
    )

    # endpoints are `async def`: a plain one would start a thread an invocation

    @app.post(
        "/model-service", response_model=wire.One | wire.Many, openapi_extra=_BODY
    )
    async def model_service(request: Request) -> Response:
        """Ask the default model."""
        return _json(request, service.predict(await request.body()))

    @app.get("/v1/models", response_model=wire.Catalogue)
    async def catalogue() -> Response:
        """List the models."""
        return _plain(service.catalogue())

    @app.get("/v1/models/{model}", response_model=wire.Card)
    async def card(model: str) -> Response:
        """Show one model: card, signature, versions, aliases."""
        return _plain(service.model(model))

    @app.post(
        "/v1/models/{model}/predict",
        response_model=wire.One | wire.Many,
        openapi_extra=_BODY,
    )
    async def predict(model: str, request: Request) -> Response:
        """Ask a model's live version."""
        return _json(request, service.predict(await request.body(), model))

    @app.post(
        "/v1/models/{model}/versions/{version}/predict",
        response_model=wire.One | wire.Many,
        openapi_extra=_BODY,
    )
    async def predict_version(model: str, version: str, request: Request) -> Response:
        """Ask one version of a model, by number or alias."""
        return _json(request, service.predict(await request.body(), model, version))

    @app.get("/v2/health/live")
    async def health_live() -> Response:
        """Whether the process answers."""
        return _plain({"live": True})

    @app.get("/v2/health/ready")
    async def health_ready() -> Response:
        """Whether the default model answers."""
        ready = service.ready()
        return _plain({"ready": ready}, 200 if ready else 503)

    _tell_problems(app)
    return app


def _tell_problems(app: FastAPI) -> None:
    """Answer every error as a problem document."""

    @app.exception_handler(Problem)
    async def on_problem(request: Request, problem: Problem) -> Response:
        body = problem.to_json(_request_id(request))
        return _plain(body, problem.status, MEDIA_TYPE)

    @app.exception_handler(HTTPException)
    async def on_http(request: Request, error: HTTPException) -> Response:
        code = _CODES.get(error.status_code, "internal")
        problem = Problem(code, f"{request.method} {request.url.path}: {error.detail}")
        return await on_problem(request, problem)

    @app.exception_handler(Exception)
    async def on_bug(request: Request, _error: Exception) -> Response:
        detail = "the service failed; its log says why under this request_id"
        return await on_problem(request, Problem("internal", detail))


def _json(request: Request, answer: Mapping[str, Any]) -> Response:
    return _plain({**answer, "request_id": _request_id(request)})


def _plain(
    body: Mapping[str, Any], status: int = 200, media_type: str = "application/json"
) -> Response:
    data = json.dumps(body, ensure_ascii=False).encode()
    return Response(data, status, media_type=media_type)


def _request_id(request: Request) -> str:
    """Return Lambda's id of the invocation, the caller's, or a new one; always same."""
    if not hasattr(request.state, "request_id"):
        context = request.scope.get("aws.context")
        request.state.request_id = (
            getattr(context, "aws_request_id", None)
            or request.headers.get("x-request-id")
            or uuid.uuid4().hex
        )
    return str(request.state.request_id)
