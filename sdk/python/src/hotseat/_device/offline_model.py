"""Offline models: versions on this device that answer when the service is unavailable.

A version is downloaded in pieces, checked against its digests and its signature, opened
and tested with its golden rows. Only then one rename makes it the version in use; a
failure before that changes nothing. Downloads are steps, which both clients can run.
"""

import json
import logging
import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from hotseat import _answer
from hotseat._address import part
from hotseat._device.bundle import Bundle, Reference
from hotseat._device.graph import Graph
from hotseat._device.model_store import ModelStore
from hotseat._device.signed_head import RevokedError
from hotseat._device.trust import Trust
from hotseat._device.warnings import Warnings
from hotseat._effects import RunJob, Steps
from hotseat._steps import ServiceCaller
from hotseat._transport import Response
from hotseat._types import Download
from hotseat.errors import (
    DeadlineError,
    HotseatError,
    StatusError,
    TransportError,
)

if TYPE_CHECKING:
    from hotseat._device.text.text_graph import DeviceEvents, TextGraph
    from hotseat._inference_request import InferenceRequest

T = TypeVar("T")
log = logging.getLogger("hotseat")

PIECE = 1_000_000
"""Bytes in one request, few enough for a slow connection within one deadline."""
_PATIENCE = 300.0
"""Time limit in seconds of a refresh in the background."""


@dataclass(slots=True)
class OfflineModel:
    """A version in use on this device."""

    reference: Reference
    store: ModelStore
    trust: Trust
    bundle: Bundle
    graph: "Graph | TextGraph"
    signed_by: str | None


@dataclass(slots=True)
class OfflineModels:
    """The offline models of a client, by requested reference."""

    service: ServiceCaller
    _models: dict[Reference, OfflineModel] = field(default_factory=dict)
    _refused: dict[Reference, int] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @staticmethod
    def trust(
        paths: Sequence[str | os.PathLike[str]], threshold: int, *, heads: bool
    ) -> Trust:
        """Return the trusted keys; raises `ConfigError`."""
        return Trust(paths, threshold, heads=heads)

    def bring(
        self,
        text: str,
        folder: str | os.PathLike[str] | None,
        keys: Trust,
        seconds: float,
    ) -> Steps[Download]:
        """Return the steps that download and open a version; raises `HotseatError`."""
        reference = Reference.parse(text)
        store = ModelStore.at(folder, self.service.base_url)
        is_current = True
        try:
            local = yield from self._fetch(reference, store, keys, seconds)
        except HotseatError as error:
            if _is_refusal(error):
                raise
            cached = yield from _run(partial(_open_cached, reference, store, keys))
            if cached is None:
                raise
            local, is_current = cached, False
            log.warning(
                "%s: offline answers from %s: %s", text, local.bundle.name, error
            )
        bundle = local.bundle
        if not isinstance(local.graph, Graph) and local.graph.filter:
            # without it, no sentence of the version may be shown
            yield from self.bring(local.graph.filter, folder, keys, seconds)
        yield from self._put(local)
        return Download(
            bundle.model, bundle.version, bundle.variant, store.folder_of(bundle),
            is_current, local.signed_by,
        )  # fmt: skip

    def renew(self) -> Steps[None]:
        """Return the steps that refresh all aliases; they never raise."""
        with self._lock:
            followed = [t for r, t in self._models.items() if not r.version.isdigit()]
        for local in followed:
            try:
                newer = yield from self._fetch(
                    local.reference, local.store, local.trust, _PATIENCE, local
                )
            except HotseatError as error:
                name = local.bundle.name
                log.warning("%s stays in use on this device: %s", name, error)
                continue
            yield from self._put(newer)

    def seconds(self, request: "InferenceRequest") -> float:
        """Return the duration of a local answer in seconds; 0 without a model."""
        local = self._find(request)
        return local.graph.seconds if local else 0.0

    def seconds_of_text(self, model: str, version: int | str | None) -> float:
        """Return the duration of a local text in seconds; 0 without a model."""
        graph = self._find_text(model, version)
        return graph.seconds if graph else 0.0

    def text(
        self, model: str, version: int | str | None, body: bytes, seconds: float
    ) -> "DeviceEvents | None":
        """Return the events of a text that this device writes within `seconds`.

        None if no offline model fits.
        """
        graph = self._find_text(model, version)
        if graph is None:
            return None
        name = graph.filter
        return graph.events(
            body, seconds, partial(self._passes, name) if name else None
        )

    def answer(
        self, request: "InferenceRequest", inputs: Sequence[bytes], *, many: bool
    ) -> list[dict[str, Any]] | None:
        """Return answers in the service's form, or None if no offline model fits.

        Raises `BadInputError`, `TooLargeError`.
        """
        local = self._find(request)
        if local is None or not isinstance(local.graph, Graph):
            return None
        rows = [json.loads(row) for row in inputs]
        pointers = [f"/inputs/{n}" for n in range(len(rows))] if many else ["/input"]
        options = json.loads(request.options or b"{}")
        warnings = Warnings()
        try:
            answers = local.graph.answer(rows, pointers, options, warnings)
        except StatusError:
            raise
        except Exception:  # any error of the runtime: the game has its default
            log.exception("%s does not answer on this device", local.bundle.name)
            return None
        bundle = local.bundle
        source = {
            "model": bundle.model,
            "version": bundle.version,
            "variant": bundle.variant,
        }
        document = warnings.to_json()
        return [
            {**one, **source, **_answer.warnings_of_row(document, pointer)}
            for one, pointer in zip(answers, pointers, strict=True)
        ]

    def _put(self, local: OfflineModel) -> Steps[None]:
        """Put a version in use and remove unused ones."""
        with self._lock:
            before = self._models.get(local.reference)
            self._models[local.reference] = local
        if before is not local:
            yield from _run(partial(local.store.remove_unused, local.reference.model))

    def _find(self, request: "InferenceRequest") -> OfflineModel | None:
        if request.verb != "predict" or request.model is None:
            return None
        return self._of(request.model, request.version)

    def _find_text(self, model: str, version: int | str | None) -> "TextGraph | None":
        local = self._of(model, version)
        if local is None or isinstance(local.graph, Graph):
            return None
        return local.graph

    def _passes(self, reference: str, text: str) -> bool:
        """Whether a text's filter lets a sentence pass: by its neutral label.

        Raises `Problem` if it cannot say.
        """
        from hotseat._device.text.problems import Problem

        named = Reference.parse(reference)
        local = self._of(named.model, named.version)
        if local is None or not isinstance(local.graph, Graph):
            raise Problem("unavailable", f"{reference} is not on this device")
        try:
            (answer,) = local.graph.answer([{"text": text.strip()}], ["/input"], {})
        except Exception as error:  # its sentence must not be shown
            log.exception("%s does not answer on this device", local.bundle.name)
            raise Problem("unavailable", f"{reference} failed") from error
        return bool(answer.get("label") == local.bundle.signature.get("neutral_label"))

    def _of(self, model: str, version: int | str | None) -> OfflineModel | None:
        wanted = "live" if version is None else str(version)
        with self._lock:
            local = self._models.get(Reference(model, wanted))
            if local is None and wanted.isdigit():  # an alias may point to that number
                local = next(
                    (
                        t for t in self._models.values()
                        if (t.reference.model, str(t.bundle.version))
                        == (model, wanted)
                    ),
                    None,
                )  # fmt: skip
            return local

    def _fetch(
        self,
        reference: Reference,
        store: ModelStore,
        trust: Trust,
        seconds: float,
        serving: OfflineModel | None = None,
    ) -> Steps[OfflineModel]:
        """Return the steps that download the service's current version."""
        end = self.service.clock() + seconds
        path = f"/v1/models/{part(reference.model)}/versions/{part(reference.version)}"
        document = yield from self.service.get(path, _left(self.service.clock, end))
        bundle = Bundle.read(document, reference.model)
        if serving and serving.bundle.version == bundle.version:
            return serving
        if self._refused.get(reference) == bundle.version and serving:
            return serving  # it failed to open before; wait for another version
        for file in bundle.files:
            stored = yield from _run(partial(store.have, bundle, file))
            while stored < file.size:
                last = min(stored + PIECE, file.size) - 1
                body = yield from self.service.call(
                    "GET",
                    f"{path.rpartition('/')[0]}/{bundle.version}/files/{file.name}",
                    None,
                    _left(self.service.clock, end),
                    partial(_piece, stored),
                    headers={
                        "range": f"bytes={stored}-{last}",
                        "accept": "application/octet-stream",
                    },
                )
                stored = yield from _run(partial(store.add, bundle, file, body))
        try:
            local = yield from _run(partial(_open, reference, store, trust, bundle))
        except HotseatError:
            self._refused[reference] = bundle.version
            raise
        yield from _run(partial(store.note, reference, bundle))
        return local


def _open(
    reference: Reference,
    store: ModelStore,
    trust: Trust,
    bundle: Bundle,
    *,
    cached: bool = False,
) -> OfflineModel:
    """Verify and open a version on this device; raises `HotseatError`.

    The signed head of a `cached` one was verified with its download: it may have
    expired since, because a device may be without a network for long.
    """
    signed_by = trust.check(bundle)
    head = None
    if not cached:
        seen = store.seen_head(bundle.requested_as, trust.name)
        head = trust.check_head(bundle, reference.version, seen, required=trust.heads)
    store.check(bundle)
    graph = _graph(bundle, store.folder_of(bundle))
    if head is not None:
        store.keep_head(bundle.requested_as, trust.name, head)
    return OfflineModel(reference, store, trust, bundle, graph, signed_by)


def _graph(bundle: Bundle, folder: Path) -> "Graph | TextGraph":
    if bundle.kind != "text":
        return Graph.open(bundle, folder, time.perf_counter)
    from hotseat._device.text.text_graph import TextGraph  # late: it needs an extra

    return TextGraph.open(bundle, folder, time.perf_counter)


def _open_cached(
    reference: Reference, store: ModelStore, trust: Trust
) -> OfflineModel | None:
    """Open the last verified version, if there is one."""
    bundle = store.noted(reference)
    if bundle is None:
        return None
    try:
        return _open(reference, store, trust, bundle, cached=True)
    except TransportError as error:
        log.warning("%s, downloaded earlier, is damaged: %s", bundle.name, error)
        return None


def _run(job: Callable[[], T]) -> Steps[T]:
    """Run a job as an effect; raises `HotseatError`."""
    got = yield RunJob(job)
    if isinstance(got, HotseatError):
        raise got
    done: T = got
    return done


def _piece(first: int, response: Response) -> bytes:
    """Return the bytes of a piece that begins at `first`; raises `HotseatError`."""
    if response.status == 206:
        place = response.headers.get("content-range", "")
        if response.body and place.startswith(f"bytes {first}-"):
            return response.body
    elif response.status == 200:  # a proxy ignored the range
        if len(response.body) > first:
            return response.body[first:]
    else:
        _answer.read(response)
    raise TransportError("the response is not the requested piece")


def _is_refusal(error: HotseatError) -> bool:
    """Whether it was refused, so that an earlier download must not be used."""
    if isinstance(error, RevokedError):
        return True
    return isinstance(error, StatusError) and error.status < 500 and error.status != 429


def _left(clock: Callable[[], float], end: float) -> float:
    left = end - clock()
    if left <= 0:
        raise DeadlineError("the download did not finish within its deadline")
    return left
