"""The router: finds a request's route and answers it; never raises.

Adapters only convert between their own format and `Request` and `Answer`. Routing and
the format of errors are decided here.
"""

import logging
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import orjson

from hotseat_registry import Reference, Registry
from hotseat_registry.dataclass import dataclass, field
from hotseat_serve.api import cors, open_inference
from hotseat_serve.api.game_api import GameApi
from hotseat_serve.api.inference_call import infer
from hotseat_serve.api.messages import (
    Answer,
    Request,
    as_json,
    close_chunks,
    compress,
    decompress,
    encodable,
)
from hotseat_serve.api.observers import Observer
from hotseat_serve.api.statistics import Statistics
from hotseat_serve.api.telemetry import trace_of
from hotseat_serve.kinds.request_context import RequestContext
from hotseat_serve.limits import check_answer
from hotseat_serve.problems import MEDIA_TYPE, Problem
from hotseat_serve.runtime.model_cache import ModelCache
from hotseat_serve.settings import Settings
from hotseat_serve.wording import quoted

if TYPE_CHECKING:
    from hotseat_serve.access.gate import Gate
    from hotseat_serve.api.downloads import Downloads

log = logging.getLogger("hotseat.serve")

Action = Callable[[Request, RequestContext], Answer]

_MARGIN_MS = 50
"""Milliseconds reserved from the platform's time to write the answer."""
_OPENAI = frozenset({"chat/completions", "completions", "embeddings"})
"""Routes below /v1 that OpenAI's clients call."""
_SLOW = frozenset({"generation", "text"})
_ROUTES = 256  # cached at most: unknown paths must not fill the memory


@dataclass(slots=True)
class Router:
    """Answers every route of the API."""

    models: ModelCache
    settings: Settings
    game_api: GameApi = field(init=False)
    telemetry: Observer | None = None
    gate: "Gate | None" = None
    """Who may ask; None: everybody."""
    clock: Callable[[], int] = time.perf_counter_ns
    statistics: Statistics = field(default_factory=Statistics)
    _is_first: bool = True
    _routes: dict[str, dict[str, Action]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Create the game API, and send events of the model cache to telemetry."""
        self.game_api = GameApi(self.models)
        if self.telemetry is not None:
            self.models.notify = self.telemetry.event

    @property
    def registry(self) -> Registry:
        """The registry of the versions."""
        return self.models.registry

    def answer(self, request: Request, *, rehearsal: bool = False) -> Answer:
        """Answer a request; never raises. A `rehearsal` is not logged."""
        context = RequestContext(
            clock=self.clock,
            cold=self._is_first,
            generation_seconds=self.settings.generate_seconds or None,
        )
        self._is_first = self._is_first and rehearsal
        if request.received is not None:
            context.started = request.received  # the caller has waited since then
        if not (request.path.isascii() and request.method.isascii()):
            request = encodable(request)
        try:
            answer = compress(self._dispatch(request, context), request)
            check_answer(len(answer.body), self.settings.max_answer_bytes)
            if request.fits is not None and answer.chunks is None:
                request.fits(answer)
        except Problem as problem:
            answer = self._problem(request, context, problem)
        except Exception:
            log.exception("request %s failed", request.request_id)
            detail = "the service failed; its log says why under this request_id"
            answer = self._problem(request, context, Problem("internal", detail))
        context.mark("write")
        answer = self._with_headers(request, answer)
        if self.telemetry is not None and not rehearsal:
            self.telemetry.request(request, context, answer)
        return answer

    def _with_headers(self, request: Request, answer: Answer) -> Answer:
        """Return an answer with the headers that every answer has."""
        headers = {**answer.headers, "x-request-id": request.request_id}
        trace = trace_of(request.headers)
        if trace is not None:
            headers["traceparent"] = trace
        cors_headers = cors.response_headers(request, self.settings.origins)
        if cors_headers:
            headers.update(cors_headers)
            if "vary" in cors_headers and "vary" in answer.headers:
                headers["vary"] = f"{answer.headers['vary']}, {cors_headers['vary']}"
        body, chunks = answer.body, answer.chunks
        if request.method == "HEAD":  # a GET answer without its body
            if chunks is None:
                headers["content-length"], body = str(len(body)), b""
            close_chunks(answer)
            chunks = None
        return Answer(answer.status, body, headers, chunks)

    def warm(self, *, is_cold: bool = False) -> bool:
        """Open the default model before a request; return whether it answers.

        `is_cold`: the next request still counts as a cold one, as it waits for this.
        """
        self._is_first = is_cold
        try:
            return self.game_api.ready()
        except Exception:
            log.exception("the default model did not open")
            return False

    def sample_body(self) -> bytes | None:
        """Return the body of a request that the open default model answers."""
        loaded = self.models.get(Reference.of(self.models.default()))
        if loaded.sample_input is None or loaded.manifest.kind in _SLOW:
            return None  # an item or a text takes seconds
        return orjson.dumps({"inputs": [loaded.sample_input]})

    def _dispatch(self, request: Request, context: RequestContext) -> Answer:
        preflight = cors.preflight(request, self.settings.origins)
        if preflight is not None:
            context.route = request.path
            return preflight
        if self.gate is not None:
            # late: most stages ask nobody who calls
            from hotseat_serve.api.admission import admit

            parts = self._parts(request.path)
            admit(self.gate, request, context, parts, self.models.default)
        if request.fault is not None:
            raise request.fault
        context.deadline = self._deadline(request, context)
        actions = self._route(request.path)
        if not actions:
            raise Problem("not_found", f"no route {quoted(unquote(request.path))}")
        context.route = request.path
        action = actions.get("GET" if request.method == "HEAD" else request.method)
        if action is None:
            also = {"OPTIONS", "HEAD"} if "GET" in actions else {"OPTIONS"}
            allowed = ", ".join(sorted({*actions, *also}))
            if request.method == "OPTIONS":
                return Answer(204, b"", {"allow": allowed})
            path, method = quoted(unquote(request.path)), quoted(request.method)
            detail = f"{path} takes {allowed}, not {method}"
            problem = Problem("method_not_allowed", detail)
            answer = self._problem(request, context, problem)
            return answer._replace(headers={**answer.headers, "allow": allowed})
        context.check_deadline()
        if request.body and request.method == "POST":  # other bodies are ignored
            request = decompress(request, self.settings.max_body_bytes)
        return action(request, context)

    def _deadline(self, request: Request, context: RequestContext) -> int | None:
        """Return the deadline: the caller's, the platform's or the service's limit."""
        limits: list[float] = []
        header = request.headers.get("deadline-ms")
        if header is not None:
            if not (header.isascii() and header.isdigit() and len(header) < 10):
                raise Problem(
                    "invalid_input",
                    f"Deadline-Ms {quoted(header)} is no whole number",
                )
            limits.append(int(header))
        if request.remaining_ms is not None:
            limits.append(request.remaining_ms - _MARGIN_MS)
        if self.settings.max_ms:
            limits.append(self.settings.max_ms)
        if not limits:
            return None
        return context.started + int(min(limits) * 1e6)

    def _problem(
        self, request: Request, context: RequestContext, problem: Problem
    ) -> Answer:
        context.problem_code = problem.code
        if problem.status < 500:  # its text may repeat what the caller sent
            from hotseat_serve.privacy.recognisers import mask

            problem.detail = mask(problem.detail, numbers=False)
            problem.pointer = problem.pointer and mask(problem.pointer)
        if request.path.lstrip("/").startswith("v2"):
            answer = open_inference.error(problem)
        elif request.path.removeprefix("/v1/").rstrip("/") in _OPENAI:
            from hotseat_serve.api import openai_shapes

            document = openai_shapes.error(problem, request.request_id)
            answer = as_json(document, problem.status)
        else:
            body = orjson.dumps(problem.to_json(request.request_id))
            answer = Answer(problem.status, body, {"content-type": MEDIA_TYPE})
        return answer._replace(headers={**answer.headers, **problem.headers})

    def _route(self, path: str) -> dict[str, Action]:
        """Find a route and cache it, because games call the same few routes."""
        actions = self._routes.get(path)
        if actions is None:
            actions = self._find(self._parts(path))
            if actions and len(self._routes) < _ROUTES:
                self._routes[path] = actions
        return actions

    def _parts(self, path: str) -> list[str]:
        """Return a path's parts, with the model's own name for its other name."""
        # a base URL with a slash at its end doubles the slash
        parts = [unquote(part) for part in path.split("/") if part]
        other = self.settings.route
        if other and parts[1:2] == ["models"] and len(parts) > 2:
            name, mark, verb = parts[2].partition(":")
            if name == other:
                parts[2] = f"{self.settings.default_model}{mark}{verb}"
        return parts

    def _find(  # noqa: C901, PLR0911 (one case a route)
        self, parts: Sequence[str]
    ) -> dict[str, Action]:
        """Return the actions of a route by method; empty if there is no route."""
        api = self.game_api
        match parts:
            case ["model-service"]:
                return {"POST": self._game(api.predict, None, None)}
            case ["v1", "models"]:
                return {"GET": lambda _, context: as_json(api.catalogue(context))}
            case ["v1", "models", name] if name.endswith(":predict"):
                name = name.removesuffix(":predict")
                return {"POST": self._game(api.instances, name)}
            case ["v1", "models", name]:
                return {"GET": lambda *_: as_json(api.model(name))}
            case ["v1", "models", name, "predict"]:
                return {"POST": self._game(api.predict, name, None)}
            case ["v1", "models", name, "explain"]:
                return {"POST": self._game(api.explain, name, None)}
            case ["v1", *rest] if "/".join(rest) in _OPENAI:
                return {"POST": self._openai("/".join(rest))}
            case ["v1", "models", name, "generate"]:
                return {"POST": self._text(name, None)}
            case ["v1", "models", name, "versions" | "labels", version] if (
                version.endswith(":predict")
            ):  # TensorFlow Serving's, by number or label
                version = version.removesuffix(":predict")
                return {"POST": self._game(api.instances, name, version)}
            case ["v1", "models", name, "metadata"]:
                return {"GET": lambda *_: as_json(api.model(name))}
            case ["v1", "models", name, "versions", version, *rest]:
                return self._find_version(name, version, rest)
            case ["v2", *rest]:
                return self._find_v2(rest)
        return {}

    def _find_version(
        self, name: str, version: str, parts: Sequence[str]
    ) -> dict[str, Action]:
        api = self.game_api
        match parts:
            case ["predict"]:
                return {"POST": self._game(api.predict, name, version)}
            case ["explain"]:
                return {"POST": self._game(api.explain, name, version)}
            case ["generate"]:
                return {"POST": self._text(name, version)}
            case []:
                return {
                    "GET": lambda *_: as_json(self._downloads.version(name, version))
                }
            case ["files", file]:
                return {"GET": self._file(name, version, file)}
        return {}

    def _file(self, name: str, version: str, file: str) -> Action:
        return lambda request, _: self._downloads.file(
            name, version, file, request.headers.get("range"), streams=request.streams
        )

    @property
    def _downloads(self) -> "Downloads":
        # Late: few functions offer it.
        from hotseat_serve.api.downloads import Downloads

        models = self.models
        return Downloads(
            models.registry,
            self.settings,
            models.heads.check,
            models.heads.check_not_retired,
            models.heads.with_cached_misses,
        )

    def _find_v2(self, parts: Sequence[str]) -> dict[str, Action]:  # noqa: PLR0911
        match parts:
            case []:
                return {"GET": lambda *_: as_json(open_inference.server())}
            case ["health", "live"]:
                return {"GET": lambda *_: as_json({"live": True})}
            case ["health", "ready"]:
                return {"GET": lambda *_: self._ready()}
            case ["repository", "index"]:
                index, models = open_inference.index, self.game_api.models
                return {"POST": lambda _, context: as_json(index(models, context))}
            case ["models", "stats"]:
                every = self.statistics.all
                return {"GET": lambda _, context: as_json(every(context.reaches))}
            case ["models", name, "versions", version, *verb] if len(verb) < 2:
                return self._model(name, version, verb[0] if verb else "")
            case ["models", name, *verb] if len(verb) < 2:
                return self._model(name, None, verb[0] if verb else "")
        return {}

    def _model(self, name: str, version: str | None, verb: str) -> dict[str, Action]:
        def load_model() -> Any:
            return open_inference.get(self.models, name, version)

        metadata, models = open_inference.metadata, self.game_api.models
        actions: dict[str, dict[str, Action]] = {
            "": {"GET": lambda *_: as_json(metadata(models, load_model()))},
            "ready": {
                "GET": lambda *_: as_json(
                    {"name": load_model().manifest.model, "ready": True}
                )
            },
            "config": {"GET": lambda *_: as_json(open_inference.config(load_model()))},
            "stats": {"GET": lambda *_: as_json(self._stats(name, version))},
            "infer": {"POST": self._infer(name, version)},
        }
        return actions.get(verb, {})

    def _infer(self, name: str, version: str | None) -> Action:
        def action(request: Request, context: RequestContext) -> Answer:
            load_model = open_inference.get(self.models, name, version, context)
            context.model, context.variant = name, load_model.variant
            context.version = load_model.manifest.version
            context.mark("load")
            load_model.check_is_graph()
            succeeded = False
            try:
                limit = self.settings.max_answer_bytes
                answer = infer(load_model, request, context, limit)
                succeeded = True
                return answer
            finally:
                self.statistics.add(name, context, succeeded=succeeded)

        return action

    def _game(
        self,
        answer_of: Callable[..., dict[str, Any]],
        name: str | None,
        version: str | None = None,
    ) -> Action:
        """Return the action for a method of the game API."""

        def action(request: Request, context: RequestContext) -> Answer:
            answer = answer_of(request, context, name, version)
            cold = {"cold": True} if context.cold else {}
            return as_json({**answer, "request_id": request.request_id, **cold})

        return action

    def _text(self, name: str, version: str | None) -> Action:
        write = self.game_api.generate
        return lambda request, context: write(request, context, name, version)

    def _openai(self, route: str) -> Action:
        return lambda request, context: self.game_api.openai(request, context, route)

    def _ready(self) -> Answer:
        ready = self.game_api.ready()
        return as_json({"ready": ready, "live": True}, 200 if ready else 503)

    def _stats(self, name: str, version: str | None) -> dict[str, Any]:
        number = open_inference.get(self.models, name, version).manifest.version
        return self.statistics.of(name, number)
