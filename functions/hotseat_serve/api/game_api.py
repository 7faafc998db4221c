"""The game-shaped API: bytes of a request in, an answer or a problem out."""

import logging
from collections.abc import Mapping
from typing import Any

import orjson

from hotseat_registry import Reference
from hotseat_registry.errors import NotFoundError, RegistryError
from hotseat_registry.names import check_name
from hotseat_serve.api.catalogue import Catalogue
from hotseat_serve.api.messages import Request
from hotseat_serve.codec.game_json import check_top, read_inputs
from hotseat_serve.codec.non_finite import finite
from hotseat_serve.kinds.options import Options
from hotseat_serve.kinds.request_context import Turn
from hotseat_serve.limits import check_body
from hotseat_serve.problems import Problem, from_registry
from hotseat_serve.runtime.loader import Loaded
from hotseat_serve.runtime.model_cache import Models
from hotseat_serve.wording import expected, invalid

log = logging.getLogger("hotseat.serve")


class Service:
    """What can be asked. Every method raises `Problem` and nothing else."""

    def __init__(self, models: Models) -> None:
        self._models = models
        self.models = Catalogue(models.registry, models.settings, models.clock)

    def predict(
        self, request: Request, turn: Turn, model: str | None, version: str | None
    ) -> dict[str, Any]:
        """Answer a request for `model`, or for the default model.

        `version` is a number or an alias; the default is live.
        """
        body = _parsed(request.body)
        options = self._noted(body, turn)
        inputs, pointers, many = read_inputs(body, turn.warnings)
        turn.rows, turn.inputs = len(inputs), inputs
        loaded = self._loaded(model, version, turn)
        answers = loaded.predict(inputs, pointers, options, turn)
        finite(answers, pointers, turn.warnings)
        answer: dict[str, Any] = {"predictions": answers} if many else answers[0]
        return {**answer, **_source(loaded), **_warned(turn)}

    def instances(
        self, request: Request, turn: Turn, model: str, version: str | None = None
    ) -> dict[str, Any]:
        """Answer a request in the shape of KServe's version 1."""
        body = _parsed(request.body)
        options = self._noted(body, turn)
        inputs = body.get("instances") if isinstance(body, Mapping) else None
        if not isinstance(inputs, list) or not inputs:
            raise expected("a list of one or more inputs", "/instances", inputs)
        check_top(body, turn.warnings, ("instances", "options", "player_id"))
        turn.rows, turn.inputs = len(inputs), inputs
        loaded = self._loaded(model, version, turn)
        pointers = [f"/instances/{row}" for row in range(len(inputs))]
        answers = loaded.predict(inputs, pointers, options, turn)
        finite(answers, pointers, turn.warnings)
        return {"predictions": answers, **_source(loaded), **_warned(turn)}

    def explain(
        self, request: Request, turn: Turn, model: str, version: str | None
    ) -> dict[str, Any]:
        """Answer one input, and say what each part of it weighed."""
        body = _parsed(request.body)
        options = self._noted(body, turn)
        inputs, pointers, many = read_inputs(body, turn.warnings)
        if many:
            raise invalid("expected one input at /input, got /inputs", "/inputs")
        turn.rows, turn.inputs = len(inputs), inputs
        loaded = self._loaded(model, version, turn)
        answer = loaded.explain(inputs[0], pointers[0], options, turn)
        turn.warnings.closed = False
        finite([answer], pointers, turn.warnings)
        return {**answer, **_source(loaded), **_warned(turn)}

    def _noted(self, body: Any, turn: Turn) -> Options:
        """Return the options, and note for the log whose request it is."""
        player = body.get("player_id") if isinstance(body, Mapping) else None
        if player is not None:
            if not isinstance(player, str):
                raise expected("a string", "/player_id", player)
            turn.player = player
        return Options.read(body, turn.warnings)

    def _loaded(self, model: str | None, version: str | None, turn: Turn) -> Loaded:
        turn.mark("read")
        try:
            name = model or self._default()
            loaded = self._models.get(Reference.of(name, version), turn.left)
        except RegistryError as error:
            raise self._problem(error, version) from error
        turn.mark("load")
        turn.model, turn.variant = name, loaded.variant
        turn.version = loaded.manifest.version
        return loaded

    def _default(self) -> str:
        try:
            return self._models.default()
        except NotFoundError as error:  # it says how to name one
            raise Problem("model_not_found", str(error)) from error

    def catalogue(self, turn: Turn | None = None) -> dict[str, Any]:
        """Return every model in short."""
        try:
            listed = self.models.all(turn or Turn())
        except RegistryError as error:
            raise self._problem(error) from error
        damaged = {"damaged": listed.damaged} if listed.damaged else {}
        return {"models": listed.found, **damaged}

    def model(self, name: str) -> dict[str, Any]:
        """Return one model whole: card, signature, versions, aliases."""
        try:
            return self.models.one(check_name(name))
        except RegistryError as error:
            raise self._problem(error) from error

    def ready(self) -> bool:
        """Whether the default model answers; of several without a default, one."""
        try:
            live = self._models.live()
            name = live[0] if len(live) > 1 else self._models.default()
            self._models.get(Reference.of(name))
        except RegistryError as error:
            log.warning("not ready: %s", error)
            return False
        return True

    def _problem(self, error: RegistryError, version: str | None = None) -> Problem:
        problem = from_registry(error, version)
        if problem.code == "unavailable":
            log.warning("%s", error)
        return problem


def _warned(turn: Turn) -> dict[str, Any]:
    """Return the answer's warnings, where there are any."""
    return {"warnings": turn.warnings.to_json()} if turn.warnings.count else {}


def _source(loaded: Loaded) -> dict[str, Any]:
    manifest = loaded.manifest
    return {
        "model": manifest.model,
        "version": manifest.version,
        "variant": loaded.variant,
    }


def _parsed(body: bytes) -> Any:
    check_body(body)
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Problem("invalid_json", f"the body is not JSON: {error}") from None
