"""The room behind every door: bytes of a request in, an answer or a problem out."""

import json
import logging
from collections.abc import Mapping
from typing import Any

from hotseat_registry import LIVE, Manifest, Reference, Registry
from hotseat_registry.errors import NotFoundError, RegistryError
from hotseat_serve.codec import read_inputs
from hotseat_serve.models import Models
from hotseat_serve.problems import Problem, from_registry
from hotseat_serve.settings import Settings

log = logging.getLogger("hotseat.serve")


class Service:
    """What can be asked. Every method raises `Problem` and nothing else."""

    def __init__(self, models: Models, settings: Settings) -> None:
        self._models = models
        self._registry: Registry = models.registry
        self._settings = settings

    def predict(
        self, body: bytes, model: str | None = None, version: str | None = None
    ) -> dict[str, Any]:
        """Answer a request for `model`, or for the default model.

        `version` is a number or an alias; the default is live.
        """
        if len(body) > self._settings.max_body_bytes:
            raise Problem(
                "too_large",
                f"the body has {len(body)} bytes; "
                f"the limit is {self._settings.max_body_bytes}",
            )
        try:
            request = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise Problem("invalid_json", f"the body is not JSON: {error}") from None
        inputs, pointers, many = read_inputs(request)
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
