"""Player tokens: what is accepted, and the ways in which forged ones are refused."""

import base64
import json
import string

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from hotseat_registry.trust import LocalKey
from hotseat_serve.access.access_keys import (
    AccessKeys,
    base64url,
    from_base64url,
    from_pem,
    point_of,
)
from hotseat_serve.access.claims import TokenError
from hotseat_serve.access.mint import mint, raw_signature
from hotseat_serve.access.verify import Verifier

NOW = 1_800_000_000.0


@pytest.fixture(scope="module")
def key(tmp_path_factory):
    """A private key."""
    path = tmp_path_factory.mktemp("key") / "key.pem"
    path.write_bytes(
        ec.generate_private_key(ec.SECP256R1()).private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return LocalKey(path)


@pytest.fixture
def world(key):
    """A verifier whose clock and keys can be changed."""

    class World:
        now, keys, reads = NOW, from_pem([key.public()]), 0

        def __call__(self, anew):
            self.reads += anew
            return self.keys

    world = World()
    world.verifier = Verifier(world, lambda: world.now)
    world.verify = world.verifier.verify
    return world


def minted(key, **more):
    """Return a token of player p for the model mood."""
    more = {"now": NOW, "token_id": "t1", "models": ["mood"], **more}
    return mint(key, more.pop("player", "p"), **more)


def forged(key, head=None, **claims):
    """Return a signed token with any header and claims."""
    kid, _ = point_of(key.public())
    head = {"alg": "ES256", "kid": kid, **(head or {})}
    body = {"sub": "p", "aud": "hotseat", "iat": NOW, "exp": NOW + 60, **claims}
    body = {name: value for name, value in body.items() if value is not None}
    signed = ".".join(base64url(json.dumps(part).encode()) for part in (head, body))
    return f"{signed}.{base64url(raw_signature(key.sign(signed.encode())))}"


def test_a_minted_token_says_who_asks(world, key):
    """Player, game, models and limits arrive as they were minted."""
    token = minted(key, game="chess", rate=2.5, burst=4)
    for _ in range(2):  # the second from memory
        caller = world.verify(token).caller
        assert (caller.player, caller.game) == ("p", "chess")
        assert (caller.models, caller.rate, caller.burst) == ({"mood"}, 2.5, 4)
    assert world.verify(forged(key)).caller.models is None


def test_a_token_ends_also_in_memory(world, key):
    """A minute's leeway, then it is refused; so before its time."""
    token = minted(key, seconds=100)
    for now in (NOW - 59, NOW + 159):
        world.now = now
        assert world.verify(token)
    for now, words in ((NOW - 61, "not valid yet"), (NOW + 160, "expired")):
        world.now = now
        with pytest.raises(TokenError, match=words):
            world.verify(token)
    world.now = NOW
    with pytest.raises(TokenError, match="not valid yet"):
        world.verify(forged(key, nbf=NOW + 61))


@pytest.mark.parametrize(
    ("head", "words"),
    [
        ({"alg": "none"}, "ES256"),
        ({"alg": "HS256"}, "ES256"),
        ({"alg": "es256"}, "ES256"),
        ({"alg": ["ES256"]}, "ES256"),
        ({"kid": "another"}, "not known"),
        ({"kid": None}, "names no key"),
        ({"kid": ["a"]}, "names no key"),
        ({"crit": ["exp"]}, "critical"),
    ],
)
def test_the_header_chooses_neither_algorithm_nor_key(world, key, head, words):
    """RFC 8725: the verifier knows what it accepts."""
    with pytest.raises(TokenError, match=words):
        world.verify(forged(key, head))


@pytest.mark.parametrize(
    ("claims", "words"),
    [
        ({"sub": None}, "'sub'"), ({"sub": ""}, "'sub'"), ({"sub": 7}, "'sub'"),
        ({"sub": "a b"}, "'sub'"), ({"sub": "x" * 129}, "'sub'"),
        ({"aud": None}, "aud"), ({"aud": "other"}, "aud"), ({"aud": ["a", "b"]}, "aud"),
        ({"exp": None}, "'exp'"), ({"exp": "soon"}, "'exp'"), ({"exp": True}, "'exp'"),
        ({"iat": None}, "'iat'"), ({"exp": NOW + 86_401}, "longer"),
        ({"exp": NOW - 1}, "longer"), ({"exp": float("inf")}, "'exp'"),
        ({"exp": float("nan")}, "'exp'"), ({"models": "mood"}, "models"),
        ({"models": [1]}, "models"), ({"models": ["a"] * 101}, "models"),
        ({"models": ["a,b"]}, "models"), ({"rate": -1}, "rate"),
        ({"rate": "9"}, "rate"), ({"burst": 0}, "burst"), ({"burst": 1.5}, "burst"),
    ],
)  # fmt: skip
def test_claims_of_another_form_are_refused(world, key, claims, words):
    """Each with its reason."""
    with pytest.raises(TokenError, match=words):
        world.verify(forged(key, **claims))


def test_a_changed_token_is_refused(world, key, tmp_path):
    """In any part, and with the signature of another key."""
    head, body, signature = minted(key).split(".")
    richer = json.loads(base64.urlsafe_b64decode(body + "=="))
    richer["models"] = ["secret"]
    other = base64url(json.dumps(richer).encode())
    with pytest.raises(TokenError, match="signature"):
        world.verify(f"{head}.{other}.{signature}")
    for bad in (bytes(64), b"\xff" * 64):
        with pytest.raises(TokenError, match="signature"):
            world.verify(f"{head}.{body}.{base64url(bad)}")
    path = tmp_path / "other.pem"
    path.write_bytes(
        ec.generate_private_key(ec.SECP256R1()).private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    kid, _ = point_of(key.public())
    with pytest.raises(TokenError, match="signature"):
        world.verify(forged(LocalKey(path), {"kid": kid}))


def test_one_token_has_one_spelling(world, key):
    """Padding, other alphabets, and free bits at the end are refused."""
    token = minted(key)
    assert world.verify(token)
    head, body, signature = token.split(".")
    last = signature[-1]
    twin = next(
        c for c in string.ascii_letters + string.digits
        if c != last and base64.urlsafe_b64decode(signature[:-1] + c + "==")
        == base64.urlsafe_b64decode(signature + "==")
    )  # fmt: skip
    for bad in (
        f"{head}.{body}.{signature}==",
        f"{head}.{body}.{signature[:-1]}{twin}",
        f"{head}.{body}.{signature}.",
        f" {token}",
        token.replace(".", ".\n", 1),
    ):
        with pytest.raises(TokenError):
            world.verify(bad)


def test_a_name_that_stands_twice_is_refused(world, key):
    """Readers differ in which of the two counts."""
    kid, _ = point_of(key.public())
    head = base64url(json.dumps({"alg": "ES256", "kid": kid}).encode())
    claims = '{"sub": "a", "sub": "b", "aud": "hotseat", "iat": 1, "exp": 2}'
    signed = f"{head}.{base64url(claims.encode())}"
    signature = base64url(raw_signature(key.sign(signed.encode())))
    with pytest.raises(TokenError, match="no JSON Web Token"):
        world.verify(f"{signed}.{signature}")


@given(st.text(max_size=300) | st.from_regex(r"[A-Za-z0-9_-]*(\.[A-Za-z0-9_-]*){2}"))
def test_no_text_is_a_token_by_accident(text):
    """Whatever is sent is a `TokenError`, and nothing else."""
    keys = AccessKeys({"k": bytes(64)})
    with pytest.raises(TokenError):
        Verifier(lambda _anew: keys, lambda: NOW).verify(text)


def test_long_tokens_are_refused_unread(world):
    """Before anything is decoded."""
    with pytest.raises(TokenError, match="4096"):
        world.verify("a" * 5_000)


def test_revoked_tokens_and_players_are_refused(world, key):
    """Those in memory too, as soon as the document is another one."""
    token, later = minted(key), minted(key, now=NOW + 10, token_id="t2")
    assert world.verify(token)
    points = world.keys.points
    world.keys = AccessKeys(points, frozenset({"t1"}))
    with pytest.raises(TokenError, match="revoked"):
        world.verify(token)
    assert world.verify(later)
    world.keys = AccessKeys(points, revoked_players={"p": NOW + 5})
    with pytest.raises(TokenError, match="revoked"):
        world.verify(token)
    assert world.verify(later)


def test_a_new_key_is_looked_up_at_once(world, key):
    """A token of an unknown key makes the keys be read anew."""
    keys, world.keys = world.keys, AccessKeys({"old": bytes(64)})
    with pytest.raises(TokenError, match="not known"):
        world.verify(minted(key))
    assert world.reads == 1
    world.keys = keys
    assert world.verify(minted(key))


def test_the_document_is_a_key_set_that_others_read(key):
    """RFC 7517, with the thumbprint of RFC 7638 as the key's name."""
    keys = from_pem([key.public()])
    assert AccessKeys.from_bytes(keys.to_bytes()) == keys
    more = json.loads(keys.to_bytes())
    more["keys"] += [
        {"kty": "RSA", "n": "x"},
        {"kty": "EC", "crv": "P-384", "kid": "z"},
    ]
    assert AccessKeys.from_bytes(json.dumps(more).encode()).points == keys.points


@pytest.mark.parametrize(
    "data",
    [b"", b"[]", b"{}", b'{"keys": []}', b'{"keys": [{"kty": "RSA"}]}',
     b'{"keys": [{"kty": "EC", "crv": "P-256", "kid": "a", "x": "AA", "y": "AA"}]}',
     b'{"keys": 3}', b'{"keys": [3]}'],
)  # fmt: skip
def test_documents_without_keys_are_refused(data):
    """A service with no key would refuse everybody; it says so at the start."""
    with pytest.raises(ValueError, match=r"key|JSON|Expecting|coordinate"):
        AccessKeys.from_bytes(data)


@given(st.binary(max_size=80))
def test_base64url_goes_both_ways(data):
    """And has one spelling."""
    assert from_base64url(base64url(data)) == data
