"""The game API (/v1): answers requests whose inputs are game-shaped JSON."""

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import orjson

from hotseat_registry.errors import NotFoundError, RegistryError
from hotseat_registry.names import check_name
from hotseat_serve.api import image_body
from hotseat_serve.api.catalogue import Catalogue
from hotseat_serve.api.messages import Answer, Request
from hotseat_serve.codec.game_json import check_top, read_inputs
from hotseat_serve.codec.non_finite import finite
from hotseat_serve.kinds.options import Options
from hotseat_serve.kinds.request_context import RequestContext
from hotseat_serve.limits import check_body
from hotseat_serve.problems import Problem, from_registry
from hotseat_serve.runtime.loaded_model import LoadedModel
from hotseat_serve.runtime.model_cache import ModelCache
from hotseat_serve.wording import expected, invalid

if TYPE_CHECKING:
    from hotseat_serve.access.token_budget import TokenBudget

log = logging.getLogger("hotseat.serve")


class GameApi:
    """Answers the routes of /v1. Every method raises only `Problem`."""

    def __init__(self, models: ModelCache) -> None:
        self._models = models
        self._token_budget: TokenBudget | None = None
        self.models = Catalogue(
            models.registry, models.settings, models.clock, models.reach
        )

    def predict(
        self,
        request: Request,
        context: RequestContext,
        model: str | None,
        version: str | None,
    ) -> dict[str, Any]:
        """Answer a request for `model`, or for the default model.

        `version` is a number or an alias; the default is live.
        """
        body = _parsed(request, images=True)
        if isinstance(body, bytes):
            return self._image(body, context, model, version)
        options = self._read_options(body, context)
        inputs, pointers, many = read_inputs(body, context.warnings)
        context.rows, context.inputs = len(inputs), inputs
        loaded = self._load(model, version, context)
        answers = _answers(loaded, inputs, pointers, options, context)
        finite(answers, pointers, context.warnings)
        answer: dict[str, Any] = {"predictions": answers} if many else answers[0]
        return {**answer, **_source(loaded), **_warnings(context)}

    def _image(
        self,
        image: bytes,
        context: RequestContext,
        model: str | None,
        version: str | None,
    ) -> dict[str, Any]:
        """Answer a request whose body is the one image of its input."""
        context.rows = 1
        loaded = self._load(model, version, context)
        given = image_body.input_of(loaded.manifest, image)
        answers = loaded.predict([given], [""], None, context)
        finite(answers, [""], context.warnings)
        return {**answers[0], **_source(loaded), **_warnings(context)}

    def instances(
        self,
        request: Request,
        context: RequestContext,
        model: str,
        version: str | None = None,
    ) -> dict[str, Any]:
        """Answer a request in the shape of KServe's version 1."""
        body = _parsed(request)
        options = self._read_options(body, context)
        inputs = body.get("instances") if isinstance(body, Mapping) else None
        if not isinstance(inputs, list) or not inputs:
            raise expected("a list of one or more inputs", "/instances", inputs)
        check_top(
            body, context.warnings, ("instances", "options", "explain", "player_id")
        )
        context.rows, context.inputs = len(inputs), inputs
        loaded = self._load(model, version, context)
        pointers = [f"/instances/{row}" for row in range(len(inputs))]
        answers = _answers(loaded, inputs, pointers, options, context)
        finite(answers, pointers, context.warnings)
        return {"predictions": answers, **_source(loaded), **_warnings(context)}

    def generate(
        self, request: Request, context: RequestContext, model: str, version: str | None
    ) -> Answer:
        """Answer a text request; the model's kind decides what is written."""
        # late: few functions have a language model
        from hotseat_serve.api.text_api import generate

        body = _parsed(request)
        loaded = self._load_any(model, version, context)
        return generate(loaded, body, request, context, self._models, self._budget())

    def openai(self, request: Request, context: RequestContext, route: str) -> Answer:
        """Answer a route of OpenAI's clients, which name the model in the body."""
        from hotseat_serve.api import openai_api

        body = _parsed(request)
        name, version = openai_api.model_of(body)
        if not context.reaches(name):
            raise Problem("model_not_found", "no such model is published")
        loaded = self._load_any(name, version, context)
        return openai_api.answer(
            route, body, loaded, request, context,
            models=self._models, budget=self._budget(),
        )  # fmt: skip

    def _budget(self) -> "TokenBudget | None":
        """Return the budgets of tokens, if the stage has any."""
        settings = self._models.settings
        if not (settings.player_tokens or settings.stage_tokens):
            return None
        if self._token_budget is None:
            from hotseat_serve.access.factory import create_budget

            self._token_budget = create_budget(settings)
        return self._token_budget

    def explain(
        self, request: Request, context: RequestContext, model: str, version: str | None
    ) -> dict[str, Any]:
        """Answer one input, with the weight of each of its parts."""
        body = _parsed(request)
        options = self._read_options(body, context)
        inputs, pointers, many = read_inputs(body, context.warnings)
        if many:
            raise invalid("expected one input at /input, got /inputs", "/inputs")
        context.rows, context.inputs = len(inputs), inputs
        loaded = self._load(model, version, context)
        answer = loaded.explain(inputs[0], pointers[0], options, context)
        finite([answer], pointers, context.warnings)
        return {**answer, **_source(loaded), **_warnings(context)}

    def _read_options(self, body: Any, context: RequestContext) -> Options:
        """Return the options, and store the player's id for the log."""
        player = body.get("player_id") if isinstance(body, Mapping) else None
        if player is not None:
            if not isinstance(player, str):
                raise expected("a string", "/player_id", player)
            context.player = player
        return Options.read(body, context.warnings)

    def _load(
        self, model: str | None, version: str | None, context: RequestContext
    ) -> LoadedModel:
        """Return a version that is no language model; raises `Problem`."""
        loaded = self._load_any(model, version, context)
        loaded.check_is_graph()
        return loaded

    def _load_any(
        self, model: str | None, version: str | None, context: RequestContext
    ) -> LoadedModel:
        context.mark("read")
        try:
            name = model or self._default()
            reference = self._models.reference(name, version)
            loaded = self._models.get(reference, context.remaining)
        except RegistryError as error:
            raise self._problem(error, version) from error
        context.mark("load")
        context.model, context.variant = name, loaded.variant
        context.version = loaded.manifest.version
        context.signature = loaded.manifest.signature
        return loaded

    def _default(self) -> str:
        try:
            return self._models.default()
        except NotFoundError as error:  # its text explains how to name a model
            raise Problem("model_not_found", str(error)) from error

    def catalogue(self, context: RequestContext | None = None) -> dict[str, Any]:
        """Return every model in short."""
        context = context or RequestContext()
        try:
            listing = self.models.all(context)
        except RegistryError as error:
            raise self._problem(error) from error
        names = [name for name in listing.damaged if context.reaches(name)]
        models = [item for item in listing.models if context.reaches(item["name"])]
        # late: prediction needs none of it; OpenAI's clients read the same list
        from hotseat_serve.api.openai_models import listed

        return listed({"models": models, **({"damaged": names} if names else {})})

    def model(self, name: str) -> dict[str, Any]:
        """Return one model in full: card, signature, versions, aliases."""
        try:
            found = self.models.one(check_name(name))
        except RegistryError as error:
            raise self._problem(error) from error
        from hotseat_serve.api.openai_models import model_object

        return {**found, **model_object(name)}

    def ready(self) -> bool:
        """Whether the default model answers; without a default, one live model."""
        try:
            live = self._models.live()
            name = live[0] if len(live) > 1 else self._models.default()
            self._models.get(self._models.reference(name, None))
        except RegistryError as error:
            log.warning("not ready: %s", error)
            return False
        return True

    def _problem(self, error: RegistryError, version: str | None = None) -> Problem:
        problem = from_registry(error, version)
        if problem.code == "unavailable":
            log.warning("%s", error)
        return problem


def _answers(
    loaded: LoadedModel,
    inputs: Sequence[Any],
    pointers: Sequence[str],
    options: Options,
    context: RequestContext,
) -> list[dict[str, Any]]:
    """Return the answers, each with its explanation if the options ask for it."""
    if options.explain is None:
        return loaded.predict(inputs, pointers, options, context)
    from hotseat_serve.kinds.explain_options import check_rows  # late: rare

    check_rows(len(inputs))
    return [
        loaded.explain(given, pointer, options, context)
        for given, pointer in zip(inputs, pointers, strict=True)
    ]


def _warnings(context: RequestContext) -> dict[str, Any]:
    """Return the answer's warnings, if there are any."""
    return {"warnings": context.warnings.to_json()} if context.warnings.count else {}


def _source(loaded: LoadedModel) -> dict[str, Any]:
    manifest = loaded.manifest
    return {
        "model": manifest.model,
        "version": manifest.version,
        "variant": loaded.variant,
    }


def _parsed(request: Request, *, images: bool = False) -> Any:
    """Return the JSON of a body, or with `images` the bytes of an image."""
    check_body(request.body)
    try:
        return orjson.loads(request.body)
    except orjson.JSONDecodeError as error:
        if images and image_body.is_image(request):
            return request.body
        raise Problem("invalid_json", f"the body is not JSON: {error}") from None
