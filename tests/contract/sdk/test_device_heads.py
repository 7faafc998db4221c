"""Signed heads on a device: the attacks of the TUF specification over the network."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from hotseat import ModelServiceClient
from hotseat._device import signed_head
from hotseat._transport import Response
from hotseat.errors import ConfigError, UntrustedError
from hotseat_registry import Reference, archive, layout, trust
from hotseat_registry.signing import Signer
from hotseat_registry.trust import LocalKey, Trust
from hotseat_serve.api.messages import Request
from hotseat_serve.api.router import Router
from hotseat_serve.runtime.model_cache import ModelCache
from hotseat_serve.settings import Settings


class Service:
    """The real service without a socket; `change` is whoever stands in between."""

    def __init__(self, registry, folder):
        settings = Settings(
            cache=str(folder / "cache"), downloads="*", refresh_seconds=0
        )
        self.router = Router(ModelCache(registry, settings), settings)
        self.change = lambda document: document

    def send(self, request, _timeout):
        path = request.url.partition("localhost:8080")[2]
        headers = {name.lower(): value for name, value in request.headers.items()}
        answer = self.router.answer(
            Request(request.method, path, request.body or b"", headers)
        )
        body = answer.body
        if "/files/" not in path and answer.status == 200:
            body = json.dumps(self.change(json.loads(body))).encode()
        return Response(answer.status, answer.headers, body)

    def close(self):
        """Nothing to close."""


@pytest.fixture
def world(registry, publish, keys, tmp_path, clock):
    """Two signed versions, the first live and signed; a device without network."""
    clock.now = datetime.now(UTC)
    key = LocalKey(keys[0])
    for positive in (0.9, 0.8):
        manifest = publish(positive=positive)
        archive.add_signature(registry, manifest, trust.sign(manifest, key))

    class World:
        service = Service(registry, tmp_path)
        signer = Signer(registry, key, "ada", Trust.read(str(keys[1])))

        def move(self, version, alias="live"):
            registry.promote(Reference("mood", version=version), alias, by="ada")
            self.signer.approve("mood")

        def bring(self, reference="mood#live", **more):
            client = ModelServiceClient(
                transport=self.service, sleep=lambda _: None, deadline=0.5
            )
            with client:
                more = {"trust": [keys[1]], "signed_head": True, **more}
                return client.download(
                    reference, folder=tmp_path / "device", refresh=0, **more
                )

        def serve(self, document):
            self.service.change = lambda _: document

        def document(self):
            kept = []
            self.service.change = lambda document: kept.append(document) or document
            self.bring()
            self.service.change = lambda document: document
            return kept[0]

    world = World()
    world.move(1)
    return world


def test_a_device_follows_what_was_signed(world):
    """By alias and by number."""
    assert world.bring().version == 1
    world.move(2)
    assert world.bring().version == 2
    assert world.bring("mood@1").version == 1


def test_rollback_attack(world):
    """An older version, signed and complete, is not taken; the newer one answers."""
    old = world.document()
    world.move(2)
    assert world.bring().version == 2
    world.serve(old)
    brought = world.bring()
    assert (brought.version, brought.is_current) == (2, False)


def test_a_signed_roll_back_is_followed(world):
    """The number of the version is not the sequence of the head."""
    world.move(2)
    assert world.bring().version == 2
    world.move(1)
    assert world.bring().version == 1


def test_freeze_attack(world, clock, monkeypatch, registry):
    """A head is refused a week after its expiry; a version in the folder stays."""
    document = world.document()
    clock.now -= timedelta(days=98)
    registry.store.objects.pop(layout.signed("mood"))
    world.signer.approve("mood")
    late = {
        **document,
        "head": registry.store.read(layout.signed("mood")).data.decode(),
    }
    world.serve(late)
    brought = world.bring()
    assert (brought.version, brought.is_current) == (1, False)
    with pytest.raises(UntrustedError, match="expired"):
        world.bring("mood@1")
    monkeypatch.setattr(signed_head, "GRACE", timedelta(days=9))
    with pytest.raises(UntrustedError, match="another one"):  # the same number again
        world.bring("mood@1")


def test_mix_and_match_attack(world, publish, registry):
    """Another alias's version, another model's head, an old one as the live number."""
    first = world.document()
    world.move(2, "beta")
    world.service.change = lambda document: document
    beta = []
    world.service.change = lambda document: beta.append(document) or document
    world.bring("mood#beta")
    for mixed in (
        {**beta[0], "head": beta[0]["head"]},  # beta's version as live
        {**first, "manifest": {**first["manifest"], "version": 2},
         "head": beta[0]["head"]},
    ):  # fmt: skip
        world.serve(mixed)
        brought = world.bring()
        assert (brought.version, brought.is_current) == (1, False)
    manifest = publish(model="chat")
    archive.add_signature(registry, manifest, trust.sign(manifest, world.signer.key))
    registry.promote(Reference("chat", version=1), by="ada")
    world.signer.approve("chat")
    head = registry.store.read(layout.signed("chat")).data.decode()
    world.serve({**first, "head": head})
    with pytest.raises(UntrustedError, match="another model"):
        world.bring("mood@1")


def test_wrong_key_attack(world, pair, registry):
    """A head of another key, and one under the trusted key's name."""
    first = world.document()
    private, public = pair("mallory")
    registry.store.objects.pop(layout.signed("mood"))
    Signer(registry, LocalKey(private), "m", Trust.read(str(public))).approve("mood")
    forged = json.loads(registry.store.read(layout.signed("mood")).data)
    for name in (
        forged["signatures"][0]["keyid"],
        trust.hint(world.signer.key.public()),
    ):
        forged["signatures"][0]["keyid"] = name
        world.serve({**first, "head": json.dumps(forged)})
        with pytest.raises(UntrustedError, match="0 of 1 signatures"):
            world.bring("mood@1")


def test_endless_data_attack(world):
    """A head of megabytes, and one of a thousand signatures."""
    first = world.document()
    many = json.loads(first["head"])
    many["signatures"] *= 1_000
    for head in (first["head"] + " " * (1 << 20), json.dumps(many), 7):
        world.serve({**first, "head": head})
        with pytest.raises(UntrustedError):
            world.bring("mood@1")


def test_stripping_attack(world):
    """Where a head was seen, or is wanted, it may not be missing."""
    first = world.document()
    bare = {name: value for name, value in first.items() if name != "head"}
    world.serve(bare)
    with pytest.raises(UntrustedError, match="without the signed head"):
        world.bring("mood@1", signed_head=False)


def test_a_service_without_signed_heads(world, registry):
    """A device that saw none takes the version's signature, unless it wants one."""
    registry.store.objects.pop(layout.signed("mood"))
    assert world.bring(signed_head=False).version == 1
    with pytest.raises(UntrustedError, match="without the signed head"):
        world.bring("mood@1")


def test_a_revoked_version_is_refused(world):
    """By its number, with its own valid signature."""
    world.move(2)
    assert world.bring("mood@1").version == 1
    world.signer.revoke(Reference("mood", version=1), "leaks names")
    with pytest.raises(UntrustedError, match="revoked"):
        world.bring("mood@1")


def test_two_people(world, pair, keys):
    """A threshold that one signature does not reach."""
    other = pair("other")
    with pytest.raises(UntrustedError, match="1 of 2 signatures"):
        world.bring("mood@1", trust=[keys[1], other[1]], trust_threshold=2)
    with pytest.raises(ConfigError, match="2 signatures are demanded of 1"):
        world.bring(trust_threshold=2)


def test_a_newer_format_says_so(world):
    """An older SDK names the way out."""
    from hotseat_registry import envelope

    first = world.document()
    payload = json.loads(world.signer.current("mood").head.to_bytes())
    newer = json.dumps({**payload, "format": 2}).encode()
    head = envelope.sign(signed_head.KIND, newer, [world.signer.key]).decode()
    world.serve({**first, "head": head})
    with pytest.raises(UntrustedError, match="update hotseat"):
        world.bring("mood@1")
