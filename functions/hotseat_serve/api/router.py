"""The room behind every door: a request in, an answer out, whatever happens.

Doors (`handler` for Lambda, `app` for FastAPI) only turn their own requests into
`Request` and back; which route is meant and how an error is worded is decided here.
"""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import orjson

from hotseat_registry import Registry
from hotseat_serve.api import cors, open_inference
from hotseat_serve.api.game_api import Service
from hotseat_serve.api.inference_call import infer
from hotseat_serve.api.messages import JSON, Answer, Request, packed, plain
from hotseat_serve.api.statistics import Statistics
from hotseat_serve.api.telemetry import Telemetry, trace_of
from hotseat_serve.kinds.request_context import Turn
from hotseat_serve.limits import check_answer
from hotseat_serve.problems import MEDIA_TYPE, Problem
from hotseat_serve.runtime.model_cache import Models
from hotseat_serve.settings import Settings
from hotseat_serve.wording import quoted

if TYPE_CHECKING:
    from hotseat_serve.api.downloads import Download

log = logging.getLogger("hotseat.serve")

Act = Callable[[Request, Turn], Answer]

_MARGIN_MS = 50
"""Left of the platform's time to write an answer in."""
_ROUTES = 256  # kept; a stranger's made-up paths fill no memory


@dataclass(slots=True)
class Room:
    """Answers every route of the API."""

    models: Models
    settings: Settings
    service: Service = field(init=False)
    telemetry: Telemetry | None = None
    clock: Callable[[], int] = time.perf_counter_ns
    statistics: Statistics = field(default_factory=Statistics)
    _first: bool = True
    _routes: dict[str, dict[str, Act]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Make what the routes share."""
        self.service = Service(self.models)
        if self.telemetry is not None:
            self.models.notice = self.telemetry.event

    @property
    def registry(self) -> Registry:
        """Where versions come from."""
        return self.models.registry

    def answer(self, request: Request) -> Answer:
        """Answer a request; never raises."""
        turn = Turn(
            clock=self.clock,
            cold=self._first,
            generating=self.settings.generate_seconds or None,
        )
        self._first = False
        if request.received is not None:
            turn.started = request.received  # the caller has waited since then
        if not (request.path.isascii() and request.method.isascii()):
            request = _sayable(request)
        try:
            answer = packed(self._act(request, turn), request)
            check_answer(len(answer.body), self.settings.max_answer_bytes)
            if request.fits is not None:
                request.fits(answer)
        except Problem as problem:
            answer = self._problem(request, turn, problem)
        except Exception:
            log.exception("request %s failed", request.request_id)
            detail = "the service failed; its log says why under this request_id"
            answer = self._problem(request, turn, Problem("internal", detail))
        turn.mark("write")
        answer = self._headed(request, answer)
        if self.telemetry is not None:
            self.telemetry.request(request, turn, answer)
        return answer

    def _headed(self, request: Request, answer: Answer) -> Answer:
        """Return an answer with the headers that every answer has."""
        headers = {**answer.headers, "x-request-id": request.request_id}
        trace = trace_of(request.headers)
        if trace is not None:
            headers["traceparent"] = trace
        shown = cors.shown(request, self.settings.origins)
        if shown:
            headers.update(shown)
            if "vary" in shown and "vary" in answer.headers:
                headers["vary"] = f"{answer.headers['vary']}, {shown['vary']}"
        body = answer.body
        if request.method == "HEAD":  # what GET answers, without its body
            headers["content-length"], body = str(len(body)), b""
        return Answer(answer.status, body, headers)

    def warm(self) -> bool:
        """Open the default model ahead of a request; return whether it answers."""
        self._first = False
        try:
            return self.service.ready()
        except Exception:
            log.exception("the default model did not open")
            return False

    def _act(self, request: Request, turn: Turn) -> Answer:
        asked = cors.preflight(request, self.settings.origins)
        if asked is not None:
            turn.route = request.path
            return asked
        if request.fault is not None:
            raise request.fault
        turn.until = self._until(request, turn)
        acts = self._route(request.path)
        if not acts:
            raise Problem("not_found", f"no route {quoted(request.path)}")
        turn.route = request.path
        act = acts.get("GET" if request.method == "HEAD" else request.method)
        if act is None:
            also = {"OPTIONS", "HEAD"} if "GET" in acts else {"OPTIONS"}
            allowed = ", ".join(sorted({*acts, *also}))
            if request.method == "OPTIONS":
                return Answer(204, b"", {"allow": allowed})
            detail = (
                f"{quoted(request.path)} takes {allowed}, not {quoted(request.method)}"
            )
            answer = self._problem(request, turn, Problem("method_not_allowed", detail))
            return replace(answer, headers={**answer.headers, "allow": allowed})
        turn.check()
        if request.body and request.method == "POST":  # no other body means anything
            request = plain(request, self.settings.max_body_bytes)
        return act(request, turn)

    def _until(self, request: Request, turn: Turn) -> int | None:
        """Return when to give up: the caller's, the platform's or our own limit."""
        limits: list[float] = []
        given = request.headers.get("deadline-ms")
        if given is not None:
            if not (given.isascii() and given.isdigit() and len(given) < 10):
                raise Problem(
                    "invalid_input",
                    f"Deadline-Ms {quoted(given)} is no whole number",
                )
            limits.append(int(given))
        if request.remaining_ms is not None:
            limits.append(request.remaining_ms - _MARGIN_MS)
        if self.settings.max_ms:
            limits.append(self.settings.max_ms)
        if not limits:
            return None
        return turn.started + int(min(limits) * 1e6)

    def _problem(self, request: Request, turn: Turn, problem: Problem) -> Answer:
        turn.code = problem.code
        if request.path.lstrip("/").startswith("v2"):
            return open_inference.error(problem)
        body = orjson.dumps(problem.to_json(request.request_id))
        return Answer(problem.status, body, {"content-type": MEDIA_TYPE})

    def _route(self, path: str) -> dict[str, Act]:
        """Find a route, and keep it: games ask the same few again and again."""
        acts = self._routes.get(path)
        if acts is None:
            acts = self._find(self._parts(path))
            if acts and len(self._routes) < _ROUTES:
                self._routes[path] = acts
        return acts

    def _parts(self, path: str) -> list[str]:
        """Return a path's parts, with a route's other name as its model's own."""
        # a base URL that ends in a slash makes two of one
        parts = [unquote(part) for part in path.split("/") if part]
        other = self.settings.route
        if other and parts[1:2] == ["models"] and len(parts) > 2:
            name, mark, verb = parts[2].partition(":")
            if name == other:
                parts[2] = f"{self.settings.default_model}{mark}{verb}"
        return parts

    def _find(  # noqa: C901, PLR0911 (one case a route)
        self, parts: Sequence[str]
    ) -> dict[str, Act]:
        """Return what the methods of a route do; nothing where there is no route."""
        match parts:
            case ["model-service"]:
                return {"POST": self._predict(None, None)}
            case ["v1", "models"]:
                return {"GET": lambda _, turn: _json(self.service.catalogue(turn))}
            case ["v1", "models", name] if name.endswith(":predict"):
                return {"POST": self._instances(name.removesuffix(":predict"))}
            case ["v1", "models", name]:
                return {"GET": lambda *_: _json(self.service.model(name))}
            case ["v1", "models", name, "predict"]:
                return {"POST": self._predict(name, None)}
            case ["v1", "models", name, "explain"]:
                return {"POST": self._explain(name, None)}
            case ["v1", "models", name, "versions" | "labels", version] if (
                version.endswith(":predict")
            ):  # TensorFlow Serving's, by number or label
                return {"POST": self._instances(name, version.removesuffix(":predict"))}
            case ["v1", "models", name, "metadata"]:
                return {"GET": lambda *_: _json(self.service.model(name))}
            case ["v1", "models", name, "versions", version, *rest]:
                return self._find_version(name, version, rest)
            case ["v2", *rest]:
                return self._find_v2(rest)
        return {}

    def _find_version(
        self, name: str, version: str, parts: Sequence[str]
    ) -> dict[str, Act]:
        match parts:
            case ["predict"]:
                return {"POST": self._predict(name, version)}
            case ["explain"]:
                return {"POST": self._explain(name, version)}
            case []:
                return {"GET": lambda *_: _json(self._download.version(name, version))}
            case ["files", file]:
                return {
                    "GET": lambda request, _: self._download.file(
                        name, version, file, request.headers.get("range")
                    )
                }
        return {}

    @property
    def _download(self) -> "Download":
        from hotseat_serve.api.downloads import Download  # late: few functions offer it

        models = self.models
        return Download(
            models.registry, self.settings, models.check_there, models.remembered
        )

    def _find_v2(self, parts: Sequence[str]) -> dict[str, Act]:  # noqa: PLR0911
        match parts:
            case []:
                return {"GET": lambda *_: _json(open_inference.server())}
            case ["health", "live"]:
                return {"GET": lambda *_: _json({"live": True})}
            case ["health", "ready"]:
                return {"GET": lambda *_: self._ready()}
            case ["repository", "index"]:
                return {
                    "POST": lambda _, turn: _json(
                        open_inference.index(self.service.models, turn)
                    )
                }
            case ["models", "stats"]:
                return {"GET": lambda *_: _json(self.statistics.all())}
            case ["models", name, "versions", version, *verb] if len(verb) < 2:
                return self._model(name, version, verb[0] if verb else "")
            case ["models", name, *verb] if len(verb) < 2:
                return self._model(name, None, verb[0] if verb else "")
        return {}

    def _model(self, name: str, version: str | None, verb: str) -> dict[str, Act]:
        def loaded() -> Any:
            return open_inference.get(self.models, name, version)

        acts: dict[str, dict[str, Act]] = {
            "": {
                "GET": lambda *_: _json(
                    open_inference.metadata(self.service.models, loaded())
                )
            },
            "ready": {"GET": lambda *_: _json(_is_ready(loaded().manifest.model))},
            "config": {"GET": lambda *_: _json(open_inference.config(loaded()))},
            "stats": {"GET": lambda *_: _json(self._stats(name, version))},
            "infer": {"POST": self._infer(name, version)},
        }
        return acts.get(verb, {})

    def _infer(self, name: str, version: str | None) -> Act:
        def act(request: Request, turn: Turn) -> Answer:
            loaded = open_inference.get(self.models, name, version, turn)
            turn.model, turn.variant = name, loaded.variant
            turn.version = loaded.manifest.version
            turn.mark("load")
            good = False
            try:
                limit = self.settings.max_answer_bytes
                answer = infer(loaded, request, turn, limit)
                good = True
                return answer
            finally:
                self.statistics.add(name, turn, good=good)

        return act

    def _predict(self, name: str | None, version: str | None) -> Act:
        def act(request: Request, turn: Turn) -> Answer:
            answer = self.service.predict(request, turn, name, version)
            return _told(answer, request, turn)

        return act

    def _explain(self, name: str, version: str | None) -> Act:
        def act(request: Request, turn: Turn) -> Answer:
            answer = self.service.explain(request, turn, name, version)
            return _told(answer, request, turn)

        return act

    def _instances(self, name: str, version: str | None = None) -> Act:
        """KServe's version 1: ``instances`` in, ``predictions`` out."""

        def act(request: Request, turn: Turn) -> Answer:
            answer = self.service.instances(request, turn, name, version)
            return _told(answer, request, turn)

        return act

    def _ready(self) -> Answer:
        ready = self.service.ready()
        return _json({"ready": ready, "live": True}, 200 if ready else 503)

    def _stats(self, name: str, version: str | None) -> dict[str, Any]:
        number = open_inference.get(self.models, name, version).manifest.version
        return self.statistics.of(name, number)


def _sayable(request: Request) -> Request:
    """Return a request whose path and method can be written: no half of a surrogate."""
    path, method = (
        text.encode("utf-8", "replace").decode()
        for text in (request.path, request.method)
    )
    return replace(request, path=path, method=method)


def _is_ready(name: str) -> dict[str, Any]:
    return {"name": name, "ready": True}


def _told(answer: dict[str, Any], request: Request, turn: Turn) -> Answer:
    """Return an answer as the caller gets it, who may want to know why it was slow."""
    cold = {"cold": True} if turn.cold else {}
    return _json({**answer, "request_id": request.request_id, **cold})


def _json(body: Any, status: int = 200) -> Answer:
    return Answer(status, orjson.dumps(body), {"content-type": JSON})
