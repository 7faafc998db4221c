"""Signed heads against the attacks of the TUF specification, by their names.

theupdateframework.github.io/specification, "Goals to protect against specific attacks".
The attacker writes to the bucket; the keys are others'.
"""

import json
from contextlib import suppress
from datetime import timedelta
from types import SimpleNamespace

import pytest

from hotseat_registry import Reference, Registry, archive, layout, signing, trust
from hotseat_registry.errors import (
    AliasNotFoundError,
    ConflictError,
    ExpiredError,
    IntegrityError,
    RefusedError,
    RegistryError,
    RetiredError,
    StoreError,
    UntrustedError,
)
from hotseat_registry.seen_heads import SeenHeads
from hotseat_registry.signed_head import SignedHead
from hotseat_registry.signed_ledger import SignedLedger
from hotseat_registry.signing import Signer, unsign
from hotseat_registry.stores.store import MAX_OBJECT_BYTES
from hotseat_registry.trust import LocalKey, Trust
from hotseat_serve.runtime.model_cache import ModelCache
from hotseat_serve.settings import Settings

GRACE = timedelta(days=7)
SIGNED = layout.signed("mood")


@pytest.fixture
def world(registry, publish, pair, clock, tmp_path):
    """A model with two signed versions, an operator with a key, and services."""
    private, public = pair("ada")
    key, keys = LocalKey(private), Trust.read(str(public))
    for positive in (0.9, 0.8):
        manifest = publish(positive=positive)
        archive.add_signature(registry, manifest, trust.sign(manifest, key))
    operator = Signer(registry, key, "ada", keys)

    def move(version, alias="live", by=operator):
        by.check_signed("mood")
        registry.promote(Reference("mood", version=version), alias, by="ada")
        return by.approve("mood")

    def service(believes=keys, folder=None):
        seen = SeenHeads(folder, registry.store.uri, believes.name)
        ledger = SignedLedger(registry.store, believes, clock, seen=seen, grace=GRACE)
        return Registry(registry.store, clock, trust=believes, ledger=ledger)

    def put(data, key=SIGNED):
        with suppress(KeyError):
            del registry.store.objects[key]
        registry.store.write(key, data)

    return SimpleNamespace(
        registry=registry, store=registry.store, clock=clock, keys=keys, key=key,
        operator=operator, move=move, service=service, put=put, pair=pair,
        signed=lambda: registry.store.read(SIGNED).data, folder=tmp_path / "memory",
    )  # fmt: skip


def live(service):
    """Return the version that a service would load: resolved and trusted."""
    manifest = service.resolve(Reference("mood", alias="live"))
    service.check_trust(manifest)
    return manifest.version


def test_a_service_follows_what_was_signed(world):
    """A signed move is followed; one in the ledger alone is not."""
    world.move(1)
    service = world.service()
    assert live(service) == 1
    world.registry.promote(Reference("mood", version=2), by="mallory")
    assert live(service) == 1
    world.operator.approve("mood")
    assert live(service) == 2


@pytest.mark.parametrize("restarted", [False, True])
def test_rollback_attack(world, restarted):
    """An older signed head put back is refused, after a restart as well."""
    world.move(1)
    old = world.signed()
    world.move(2)
    service = world.service(folder=world.folder)
    assert live(service) == 2
    world.put(old)
    if restarted:
        service = world.service(folder=world.folder)
    with pytest.raises(UntrustedError, match="older state was put back"):
        live(service)


def test_freeze_attack(world):
    """One head for ever ends with its expiry and the grace after it."""
    world.move(1)
    service = world.service()
    world.clock.sleep(timedelta(days=90 + 6.9).total_seconds())
    assert live(service) == 1
    world.clock.sleep(timedelta(days=0.2).total_seconds())
    with pytest.raises(ExpiredError, match="registry sign"):
        live(service)
    world.operator.renew("mood")
    assert live(service) == 1


def test_freeze_attack_on_a_running_service(world, tmp_path):
    """It ends there too, whether the store shows an old head or cannot be reached."""
    world.move(1)
    for broken in (False, True):
        seconds = [0.0]
        settings = Settings(cache=str(tmp_path / "cache"), refresh_seconds=2.0)
        service = world.service()
        cache = ModelCache(
            service, settings, lambda s=seconds: s[0], in_background=lambda job: job()
        )
        reference = Reference("mood", alias="live")
        assert cache.get(reference).manifest.version == 1
        if broken:
            service.store = service.ledger._store = SimpleNamespace(
                read=_unreachable, uri="x"
            )
        world.clock.sleep(timedelta(days=98).total_seconds())
        seconds[0] = 10.0
        with suppress(RegistryError):
            cache.get(reference)
        with pytest.raises(RegistryError):
            cache.get(reference)
        world.clock.sleep(-timedelta(days=98).total_seconds())


def _unreachable(*_args, **_more):
    raise StoreError("the bucket is away")


def test_mix_and_match_attack_with_models(world, publish):
    """The signed head of another model is not this one's."""
    manifest = publish(model="chat")
    archive.add_signature(world.registry, manifest, trust.sign(manifest, world.key))
    world.registry.promote(Reference("chat", version=1), by="ada")
    world.operator.approve("chat")
    world.put(world.store.read(layout.signed("chat")).data)
    with pytest.raises(IntegrityError, match="that of 'chat'"):
        live(world.service())


def test_mix_and_match_attack_with_versions(world):
    """An old signed version under the live number is refused: its digest is bound."""
    world.move(2)
    old = world.registry.resolve(Reference("mood", version=1))
    from dataclasses import replace

    key = layout.manifest("mood", 2)
    world.put(replace(old, version=2).to_bytes(), key)
    for name in world.store.list(layout.signatures("mood", 1)):
        data = world.store.read(name).data
        world.put(data, name.replace("/signatures/1/", "/signatures/2/"))
    service = world.service()
    with pytest.raises(UntrustedError, match="its manifest is another one"):
        live(service)


def test_endless_data_attack(world):
    """A head of any size is read up to a limit, and refused."""
    world.move(1)
    world.put(world.signed() + b" " * (1 << 20))
    with pytest.raises(UntrustedError, match=r"more than 1,048,576 bytes"):
        live(world.service())
    many = json.loads(world.signed())
    many["signatures"] *= 17
    world.put(json.dumps(many).encode())
    with pytest.raises(UntrustedError, match="at most 16 signatures"):
        live(world.service())


def test_endless_data_attack_on_a_folder(tmp_path, keys):
    """The store itself stops reading."""
    from hotseat_registry.stores.folder import FolderStore

    store = FolderStore(tmp_path / "r")
    place = tmp_path / "r" / SIGNED
    place.parent.mkdir(parents=True)
    with place.open("wb") as file:
        file.truncate(MAX_OBJECT_BYTES + 1)
    believes = Trust.read(str(keys[1]))
    seen = SeenHeads(None, store.uri, believes.name)
    ledger = SignedLedger(store, believes, None, seen=seen, grace=GRACE)
    with pytest.raises(StoreError, match="more than"):
        ledger.head("mood")


@pytest.mark.parametrize("change", ["live", "expires", "sequence"])
def test_arbitrary_data_attack(world, change):
    """A payload that was changed after signing is refused."""
    import base64

    world.move(1)
    envelope = json.loads(world.signed())
    payload = json.loads(base64.b64decode(envelope["payload"]))
    if change == "live":
        payload["aliases"]["live"]["version"] = 2
    else:
        payload[change] = {"expires": "2099-01-01T00:00:00Z", "sequence": 999}[change]
    envelope["payload"] = base64.b64encode(json.dumps(payload).encode()).decode()
    world.put(json.dumps(envelope).encode())
    with pytest.raises(UntrustedError, match="0 valid signatures"):
        live(world.service())


def test_wrong_key_attack(world):
    """A head by somebody's own key is refused, under the trusted key's name as well."""
    world.move(1)
    private, public = world.pair("mallory")
    mallory = Signer(world.registry, LocalKey(private), "m", Trust.read(str(public)))
    del world.store.objects[SIGNED]
    mallory.approve("mood")
    with pytest.raises(UntrustedError, match="0 valid signatures"):
        live(world.service())
    forged = json.loads(world.signed())
    forged["signatures"][0]["keyid"] = trust.hint(world.key.public())
    world.put(json.dumps(forged).encode())
    with pytest.raises(UntrustedError, match="0 valid signatures"):
        live(world.service())


def test_replay_of_another_document(world):
    """A signature of a version is none of a head, whatever its payload says."""
    world.move(1)
    manifest = world.registry.resolve(Reference("mood", version=1))
    bundle = json.loads(trust.sign(manifest, world.key))
    envelope = bundle["dsseEnvelope"]
    envelope["signatures"][0]["keyid"] = trust.hint(world.key.public())
    for kind in (envelope["payloadType"], "application/vnd.hotseat.head+json"):
        world.put(json.dumps({**envelope, "payloadType": kind}).encode())
        with pytest.raises(UntrustedError):
            live(world.service())


def test_fast_forward_attack(world):
    """After a stolen key made the number too high, a rotation begins anew."""
    world.move(1)
    private, public = world.pair("new")
    stolen = world.operator.current("mood")
    import dataclasses

    far = dataclasses.replace(stolen.head, sequence=999_999)
    from hotseat_registry import envelope
    from hotseat_registry.signed_head import KIND

    world.put(envelope.sign(KIND, far.to_bytes(), [world.key]))
    service = world.service(folder=world.folder)
    assert service.ledger.head("mood").entry.sequence == 999_999
    rotated = Trust.read(str(public))
    unsign(world.registry, "mood")
    for version in (1, 2):  # the versions need a signature of the new key as well
        manifest = world.registry.resolve(Reference("mood", version=version))
        signature = trust.sign(manifest, LocalKey(private))
        archive.add_signature(world.registry, manifest, signature)
    Signer(world.registry, LocalKey(private), "ada", rotated).renew("mood")
    with pytest.raises(UntrustedError):
        live(world.service(folder=world.folder))
    assert live(world.service(rotated, folder=world.folder)) == 1


def test_stripping_attack(world):
    """Without its signed head a model is refused, not followed unsigned."""
    world.move(1)
    service = world.service()
    assert live(service) == 1
    del world.store.objects[SIGNED]
    with pytest.raises(UntrustedError, match="was removed"):
        live(service)
    with pytest.raises(UntrustedError, match="registry sign"):
        live(world.service())
    with pytest.raises(AliasNotFoundError):
        world.service().ledger.head("nothing")


def test_a_branch_is_refused(world):
    """Two heads with one number, or one upon another head, are a broken chain."""
    world.move(1)
    first = world.signed()
    world.move(2)
    service = world.service()
    assert live(service) == 2
    other = Signer(world.registry, world.key, "bob", world.keys)
    world.put(first)
    other.renew("mood")  # number 2 again, with another content
    with pytest.raises(UntrustedError, match="does not follow"):
        live(service)
    other.renew("mood")  # number 3 upon the other number 2
    with pytest.raises(UntrustedError, match="does not follow"):
        live(service)
    world.clock.sleep(1)
    other.renew("mood")  # number 4: the chain between is read
    with pytest.raises(UntrustedError, match="chain of signed heads"):
        live(service)


def test_missed_heads_are_read(world):
    """A service that missed some joins them, and refuses where one is gone."""
    world.move(1)
    service, other = world.service(), world.service()
    assert (live(service), live(other)) == (1, 1)
    for _ in range(3):
        world.operator.renew("mood")
    world.move(2)
    assert live(service) == 2
    world.store.delete(layout.signed_before("mood", 3))
    with pytest.raises(UntrustedError, match=r"signed/3\.json is missing"):
        live(other)


def test_two_people_sign_what_is_live(world):
    """One signature of two moves nothing, nor does the same person's twice."""
    bob_private, bob_public = world.pair("bob")
    ada, bob = world.key, LocalKey(bob_private)
    both = Trust((*world.keys.keys, *Trust.read(str(bob_public)).keys), 2)
    first = Signer(world.registry, ada, "ada", both)
    second = Signer(world.registry, bob, "bob", both)
    service = world.service(both)
    assert world.move(1, by=first).missing == 1
    assert first.approve("mood").missing == 1
    with pytest.raises(UntrustedError, match="no signed head"):
        live(service)
    assert second.approve("mood").missing == 0
    assert live(service) == 1
    assert world.move(2, by=second).missing == 1
    assert live(service) == 1  # and goes on with what two people signed
    assert first.approve("mood").missing == 0
    assert live(service) == 2
    assert not list(world.store.list(layout.pending("mood")))


def test_a_pending_head_of_an_older_state_is_not_approved(world):
    """Who approves signs the ledger as it stands, not what waited before that."""
    bob_private, bob_public = world.pair("bob")
    both = Trust((*world.keys.keys, *Trust.read(str(bob_public)).keys), 2)
    first = Signer(world.registry, world.key, "ada", both)
    second = Signer(world.registry, LocalKey(bob_private), "bob", both)
    world.move(1, by=first)
    world.registry.promote(Reference("mood", version=2), by="bob")
    outcome = second.approve("mood")
    assert (outcome.missing, outcome.head.aliases["live"].version) == (1, 2)


def test_a_move_that_nobody_signed_is_not_signed_along(world):
    """The next signer is refused; renewing signs the signed state alone."""
    world.move(1)
    world.registry.promote(Reference("mood", version=2), by="mallory")
    with pytest.raises(RefusedError, match=r"live 1 -> 2.*model approve"):
        world.move(1, "beta")
    assert world.operator.renew("mood").head.aliases["live"].version == 1
    assert live(world.service()) == 1


def test_a_revoked_version_is_refused_under_every_number(world, publish):
    """By number, by promotion, and as the same content published again."""
    world.move(1)
    with pytest.raises(RefusedError, match="stands on version 1"):
        world.operator.revoke(Reference("mood", version=1), None)
    world.move(2)
    world.operator.revoke(Reference("mood", version=1), "leaks names")
    service = world.service()
    assert live(service) == 2
    again = publish(positive=0.9)
    assert again.version == 3
    for version in (1, 3):
        reference = Reference("mood", version=version)
        with pytest.raises(UntrustedError, match="revoked"):
            service.check_trust(world.registry.resolve(reference))
        with pytest.raises(UntrustedError, match="revoked"):
            signing.check_promotable(world.registry, reference, world.keys)
    world.registry.promote(Reference("mood", version=3), by="ada")
    with pytest.raises(IntegrityError, match="revoked"):
        world.operator.approve("mood")
    cache = ModelCache(service, Settings(cache=str(world.folder)))
    with pytest.raises(RetiredError):
        cache.get(Reference("mood", version=1))


def test_revocations_stay(world):
    """Later heads carry them on."""
    world.move(2)
    world.operator.revoke(Reference("mood", version=1), None)
    world.operator.renew("mood")
    head = world.move(2, "beta").head
    assert [bound.version for bound in head.revoked] == [1]


def test_of_two_signers_at_once_one_is_refused(world, monkeypatch):
    """Nobody overwrites a head that was signed meanwhile."""
    world.move(1)
    slow = world.operator.current("mood")
    world.operator.renew("mood")
    monkeypatch.setattr(Signer, "current", lambda *_: slow)
    with pytest.raises(ConflictError, match="meanwhile"):
        world.operator.renew("mood")


def test_a_key_that_nobody_trusts_signs_nothing(world):
    """The mistake is seen where it is made."""
    world.move(1)
    private, _ = world.pair("other")
    other = Signer(world.registry, LocalKey(private), "eve", world.keys)
    with pytest.raises(UntrustedError, match="not one of the trusted keys"):
        other.renew("mood")


def test_keys_rotate_without_a_gap(world):
    """Both keys are trusted for a while; then the old one goes."""
    private, public = world.pair("new")
    new = Trust.read(str(public))
    both = Trust((*world.keys.keys, *new.keys))
    world.move(1)
    services = [world.service(), world.service(both)]
    assert [live(service) for service in services] == [1, 1]
    Signer(world.registry, LocalKey(private), "ada", both).renew("mood")
    assert live(services[1]) == 1
    assert world.service(new).ledger.head("mood").entry.aliases == {"live": 1}
    with pytest.raises(UntrustedError):
        live(services[0])


def test_thresholds_that_no_signatures_reach_are_refused(pair):
    """Two people with one key are one person."""
    _, public = pair("one")
    with pytest.raises(RegistryError, match="2 signatures are demanded"):
        Trust.read(f"{public},{public}", 2)


def test_a_newer_format_is_named(world):
    """An older reader says what to do, and does not guess."""
    world.move(1)
    head = world.operator.current("mood").head
    value = {**json.loads(head.to_bytes()), "format": 2}
    with pytest.raises(IntegrityError, match="format 2: update hotseat"):
        SignedHead.from_bytes(json.dumps(value).encode(), "mood")
