"""Versions on this device that stand in for the service, each of them whole.

A version is brought piece by piece into files of its own, checked against its digests
and its signature, opened and asked its golden rows. Only then is it noted as the one to
use, by one rename, and takes over from the one before; whatever fails until then
changes nothing. Written as steps, so that both clients can carry them out.
"""

import json
import logging
import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from hotseat import _answer
from hotseat._address import part
from hotseat._device.bundle import Bundle, Reference
from hotseat._device.graph import Graph
from hotseat._device.model_store import ModelStore
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
    from hotseat._inference_request import InferenceRequest

T = TypeVar("T")
log = logging.getLogger("hotseat")

PIECE = 1_000_000
"""Bytes in one request: what a slow line brings within one deadline."""
_PATIENCE = 300.0
"""Seconds that looking after a version beside the game may take."""


@dataclass(slots=True)
class OfflineModel:
    """A version that answers on this device."""

    reference: Reference
    store: ModelStore
    trust: Trust
    bundle: Bundle
    graph: Graph
    signed_by: str | None


@dataclass(slots=True)
class OfflineModels:
    """The versions that were brought here, by what they were asked for as."""

    service: ServiceCaller
    _models: dict[Reference, OfflineModel] = field(default_factory=dict)
    _refused: dict[Reference, int] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def bring(
        self,
        text: str,
        folder: str | os.PathLike[str] | None,
        trust: Sequence[str | os.PathLike[str]],
        seconds: float,
    ) -> Steps[Download]:
        """Return the steps to a version that answers here; raises `HotseatError`."""
        reference = Reference.parse(text)
        store = ModelStore.at(folder, self.service.base_url)
        keys = Trust(trust)
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
            log.warning("%s: %s answers, for: %s", text, local.bundle.name, error)
        yield from self._put(local)
        bundle = local.bundle
        return Download(
            bundle.model, bundle.version, bundle.variant, store.folder_of(bundle),
            is_current, local.signed_by,
        )  # fmt: skip

    def renew(self) -> Steps[None]:
        """Return the steps of following what aliases mean now; they never raise."""
        with self._lock:
            followed = [t for r, t in self._models.items() if not r.version.isdigit()]
        for local in followed:
            try:
                newer = yield from self._fetch(
                    local.reference, local.store, local.trust, _PATIENCE, local
                )
            except HotseatError as error:
                name = local.bundle.name
                log.warning("%s goes on answering here, for: %s", name, error)
                continue
            yield from self._put(newer)

    def seconds(self, request: "InferenceRequest") -> float:
        """Return what an answer from here would take; 0 where there is none."""
        local = self._find(request)
        return local.graph.seconds if local else 0.0

    def answer(
        self, request: "InferenceRequest", inputs: Sequence[bytes], *, many: bool
    ) -> list[dict[str, Any]] | None:
        """Return answers as the service gives them, None where none can be had here.

        Raises `BadInputError`, `TooLargeError`.
        """
        local = self._find(request)
        if local is None:
            return None
        rows = [json.loads(given) for given in inputs]
        pointers = [f"/inputs/{n}" for n in range(len(rows))] if many else ["/input"]
        options = json.loads(request.options or b"{}")
        warnings = Warnings()
        try:
            found = local.graph.answer(rows, pointers, options, warnings)
        except StatusError:
            raise
        except Exception:  # whatever the runtime says, the game has its default
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
            for one, pointer in zip(found, pointers, strict=True)
        ]

    def _put(self, local: OfflineModel) -> Steps[None]:
        """Let a version answer, and then go what answered before."""
        with self._lock:
            before = self._models.get(local.reference)
            self._models[local.reference] = local
        if before is not local:
            yield from _run(partial(local.store.remove_unused, local.reference.model))

    def _find(self, request: "InferenceRequest") -> OfflineModel | None:
        if request.verb != "predict" or request.model is None:
            return None
        wanted = "live" if request.version is None else str(request.version)
        with self._lock:
            local = self._models.get(Reference(request.model, wanted))
            if local is None and wanted.isdigit():  # an alias may mean that number
                local = next(
                    (
                        t for t in self._models.values()
                        if (t.reference.model, str(t.bundle.version))
                        == (request.model, wanted)
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
        """Return the steps to the version that the service has now."""
        end = self.service.clock() + seconds
        path = f"/v1/models/{part(reference.model)}/versions/{part(reference.version)}"
        document = yield from self.service.get(path, _left(self.service.clock, end))
        bundle = Bundle.read(document, reference.model)
        if serving and serving.bundle.version == bundle.version:
            return serving
        if self._refused.get(reference) == bundle.version and serving:
            return serving  # it did not open before; another version may
        for file in bundle.files:
            here = yield from _run(partial(store.have, bundle, file))
            while here < file.size:
                last = min(here + PIECE, file.size) - 1
                body = yield from self.service.call(
                    "GET",
                    f"{path.rpartition('/')[0]}/{bundle.version}/files/{file.name}",
                    None,
                    _left(self.service.clock, end),
                    partial(_piece, here),
                    headers={
                        "range": f"bytes={here}-{last}",
                        "accept": "application/octet-stream",
                    },
                )
                here = yield from _run(partial(store.add, bundle, file, body))
        try:
            local = yield from _run(partial(_open, reference, store, trust, bundle))
        except HotseatError:
            self._refused[reference] = bundle.version
            raise
        yield from _run(partial(store.note, reference, bundle))
        return local


def _open(
    reference: Reference, store: ModelStore, trust: Trust, bundle: Bundle
) -> OfflineModel:
    """Check and open a version that lies here; raises `HotseatError`."""
    signed_by = trust.check(bundle)
    store.check(bundle)
    graph = Graph.open(bundle, store.folder_of(bundle), time.perf_counter)
    return OfflineModel(reference, store, trust, bundle, graph, signed_by)


def _open_cached(
    reference: Reference, store: ModelStore, trust: Trust
) -> OfflineModel | None:
    """Open what was good the last time, if there is any."""
    bundle = store.noted(reference)
    if bundle is None:
        return None
    try:
        return _open(reference, store, trust, bundle)
    except TransportError as error:
        log.warning("%s was brought before and is damaged: %s", bundle.name, error)
        return None


def _run(job: Callable[[], T]) -> Steps[T]:
    """Return the step of some work, as a call that returns or raises."""
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
    elif response.status == 200:  # whoever stands in between knows no ranges
        if len(response.body) > first:
            return response.body[first:]
    else:
        _answer.read(response)
    raise TransportError("what came is not the piece that was asked for")


def _is_refusal(error: HotseatError) -> bool:
    """Whether the service said no, which what was brought before does not undo."""
    return isinstance(error, StatusError) and error.status < 500 and error.status != 429


def _left(clock: Callable[[], float], end: float) -> float:
    left = end - clock()
    if left <= 0:
        raise DeadlineError("the version did not come within the time allowed")
    return left
