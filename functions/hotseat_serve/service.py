"""The room behind every door: bytes of a request in, an answer or a problem out."""

import logging
from collections.abc import Mapping
from typing import Any

import orjson

from hotseat_registry import LIVE, Manifest, Reference, Registry
from hotseat_registry.errors import NotFoundError, RegistryError
from hotseat_serve.codec import read_inputs
from hotseat_serve.models import Models
from hotseat_serve.problems import Problem, from_registry

log = logging.getLogger("hotseat.serve")


class Service:
    """What can be asked. Every method raises `Problem` and nothing else."""

    def __init__(self, models: Models) -> None:
        self._models = models
        self._registry: Registry = models.registry

    def predict(
        self, body: bytes, model: str | None = None, version: str | None = None
    ) -> dict[str, Any]:
        """Answer a request for `model`, or for the default model.

        `version` is a number or an alias; the default is live.
        """
        inputs, pointers, many = read_inputs(_parsed(body))
        return self._predict(model, version, inputs, pointers, many=many)

    def instances(self, body: bytes, model: str) -> dict[str, Any]:
        """Answer a request in the shape of KServe's version 1."""
        request = _parsed(body)
        inputs = request.get("instances") if isinstance(request, Mapping) else None
        if not isinstance(inputs, list) or not inputs:
            raise Problem(
                "invalid_input", "'instances' has to be a list with one or more",
                "/instances",
            )  # fmt: skip
        pointers = [f"/instances/{row}" for row in range(len(inputs))]
        return self._predict(model, None, inputs, pointers, many=True)

    def _predict(
        self,
        model: str | None,
        version: str | None,
        inputs: list[Any],
        pointers: list[str],
        *,
        many: bool,
    ) -> dict[str, Any]:
        try:
            name = model or self._models.default()
            loaded = self._models.get(Reference.of(name, version))
        except RegistryError as error:
            raise self._problem(error) from error
        answers = loaded.predict(inputs, pointers)
        answer: dict[str, Any] = {"predictions": answers} if many else answers[0]
        return {
            **answer,
            "model": loaded.manifest.model,
            "version": loaded.manifest.version,
            "variant": loaded.variant,
        }

    def catalogue(self) -> dict[str, Any]:
        """Return every model in short."""
        try:
            names = self._registry.models()
            return {"models": [self._short(name) for name in names]}
        except RegistryError as error:
            raise self._problem(error) from error

    def model(self, name: str) -> dict[str, Any]:
        """Return one model whole: card, signature, versions, aliases."""
        try:
            manifest = self._newest(name)
            return {
                **self._short(name),
                "signature": manifest.signature.to_json(),
                "variants": [variant.to_json() for variant in manifest.variants],
                "card": manifest.card,
                "ready": bool(self._registry.aliases(name).get(LIVE)),
            }
        except RegistryError as error:
            raise self._problem(error) from error

    def ready(self) -> bool:
        """Whether the default model answers."""
        try:
            self._models.get(Reference.of(self._models.default()))
        except RegistryError as error:
            log.warning("not ready: %s", error)
            return False
        return True

    def _short(self, name: str) -> Mapping[str, Any]:
        manifest = self._newest(name)
        return {
            "name": name,
            "kind": manifest.kind,
            "version": manifest.version,
            "versions": self._registry.versions(name),
            "aliases": self._registry.aliases(name),
        }

    def _newest(self, name: str) -> Manifest:
        """Return what is live, or the newest version where nothing is."""
        try:
            return self._registry.resolve(Reference.of(name, LIVE))
        except NotFoundError:
            newest = max(self._registry.versions(name), default=1)
            return self._registry.resolve(Reference(name, version=newest))

    def _problem(self, error: RegistryError) -> Problem:
        problem = from_registry(error)
        if problem.code == "unavailable":
            log.warning("%s", error)
        return problem


def _parsed(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Problem("invalid_json", f"the body is not JSON: {error}") from None
