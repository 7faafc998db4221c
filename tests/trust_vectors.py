"""Write sdk/spec/trust.json: versions for devices, signed and forged.

``python tests/trust_vectors.py`` from the root; keys are made anew and thrown away. All
SDKs that verify signatures replay them.
"""

import base64
import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from hotseat_registry import (
    Input,
    Manifest,
    Output,
    Signature,
    Variant,
    envelope,
    trust,
)
from hotseat_registry.manifest import File
from hotseat_registry.signed_head import KIND, Bound, SignedHead

PLACE = Path(__file__).parents[1] / "sdk/spec/trust.json"
NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)


class Key:
    """A private key in memory."""

    def __init__(self):
        self._key = ec.generate_private_key(ec.SECP256R1())

    def sign(self, data):
        from cryptography.hazmat.primitives import hashes

        return self._key.sign(data, ec.ECDSA(hashes.SHA256()))

    def public(self):
        return self._key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )


def manifest(version, byte):
    return Manifest(
        model="mood",
        kind="classification",
        signature=Signature(
            inputs=(Input("text", "BYTES", (-1,), "text", max_bytes=64),),
            outputs=(Output("scores", "FP32", (-1, 2)),),
            labels=("negative", "positive"),
        ),
        variants=(
            Variant("fp32", "model.onnx", metrics={"milliseconds": 1e-05, "size": 1.0}),
        ),
        default_variant="fp32",
        card="# mood\n\nKnows „one“ word: 好.",
        files={"model.onnx": File(byte * 64, 12)},
        version=version,
        published_at="2026-11-28T12:00:00+00:00",
        published_by="ada",
    )


def main():
    ada, bob, mallory = Key(), Key(), Key()
    first, second = manifest(1, "a"), manifest(2, "b")

    def head(
        sequence, live=first, *, days=90, signers=(ada,), previous="0" * 64, **more
    ):
        bound = Bound(live.version, trust.manifest_digest(live))
        made = SignedHead(
            "mood", sequence, NOW.isoformat(),
            (NOW + timedelta(days=days)).isoformat(), {"live": bound}, sequence,
            "e" * 64, "ada", previous, **more,
        )  # fmt: skip
        return made, envelope.sign(KIND, made.to_bytes(), signers).decode()

    def document(version=first, signer=ada, text=None, **more):
        whole = version.to_json()
        kept = {k: v for k, v in whole.items() if not k.startswith("published")}
        return {
            "manifest": kept,
            "variant": "fp32",
            "signatures": [trust.sign(version, signer).decode()],
            "content": version.content().decode(),
            **({} if text is None else {"head": text}),
            **more,
        }

    one, one_text = head(1)
    _, two_text = head(2, second, previous=one.digest())
    _, branch_text = head(2, second, previous="f" * 64)
    seen_one = {"sequence": 1, "digest": one.digest()}
    seen_two = {"sequence": 2, "digest": "d" * 64}
    twice = json.loads(one_text)
    twice["signatures"] *= 2
    forged = json.loads(one_text)
    forged["payload"] = base64.b64encode(
        base64.b64decode(forged["payload"]).replace(b'"sequence": 1', b'"sequence": 9')
    ).decode()
    many = json.loads(one_text)
    many["signatures"] *= 17
    stolen = json.loads(head(1, signers=(mallory,))[1])
    stolen["signatures"][0]["keyid"] = trust.hint(ada.public())
    changed = document(first, text=one_text)
    changed["content"] = changed["content"].replace("Knows", "knows")
    swapped = document(second, text=one_text)
    swapped["manifest"]["version"] = 1
    revoked = Bound(1, trust.manifest_digest(first))
    statement = json.loads(trust.sign(first, ada))["dsseEnvelope"]
    statement["signatures"][0]["keyid"] = trust.hint(ada.public())
    newer = json.loads(one.to_bytes()) | {"format": 2}
    keys = [ada.public().decode()]
    people = [*keys, bob.public().decode()]

    cases = [
        ("a signed version and its head", document(text=one_text), {}, None),
        ("the next head", document(second, text=two_text), {"seen": seen_one}, None),
        ("a head after some that were missed",
         document(text=head(7)[1]), {"seen": seen_one}, None),
        ("the same head again", document(text=one_text), {"seen": seen_one}, None),
        ("a version by its number", document(text=one_text), {"reference": "1"}, None),
        ("without a head, and none was seen", document(), {"required": False}, None),
        ("two people", document(text=head(1, signers=(ada, bob))[1]),
         {"keys": people, "threshold": 2}, None),
        ("a week after its expiry", document(text=head(1, days=-6.9)[1]), {}, None),
        ("rollback attack", document(text=one_text), {"seen": seen_two},
         "was accepted"),
        ("freeze attack", document(text=head(1, days=-7.1)[1]), {}, "has expired"),
        ("mix and match attack: an old version under the live number", swapped, {},
         "not what was signed"),
        ("mix and match attack: the alias of another version",
         document(second, text=one_text), {}, "not what was signed"),
        ("endless data attack: a long envelope",
         document(text=one_text + " " * (1 << 20)), {}, ""),
        ("endless data attack: many signatures", document(text=json.dumps(many)), {},
         "signatures"),
        ("arbitrary data attack: a changed head", document(text=json.dumps(forged)), {},
         "0 of 1"),
        ("arbitrary data attack: a changed manifest", changed, {}, "differs from"),
        ("wrong key attack: another key's head",
         document(text=head(1, signers=(mallory,))[1]), {}, "0 of 1"),
        ("wrong key attack: under the trusted key's name",
         document(text=json.dumps(stolen)), {}, "0 of 1"),
        ("wrong key attack: another key's version",
         document(signer=mallory, text=one_text), {}, "not signed by a trusted key"),
        ("replay of a version's signature as a head",
         document(text=json.dumps(statement)), {}, "not valid"),
        ("a broken chain", document(second, text=branch_text), {"seen": seen_one},
         "was accepted"),
        ("one person of two", document(text=one_text),
         {"keys": people, "threshold": 2}, "1 of 2"),
        ("one person twice", document(text=json.dumps(twice)),
         {"keys": people, "threshold": 2}, "1 of 2"),
        ("stripped of its head", document(), {"seen": seen_one, "required": False},
         "without the signed head"),
        ("without the head that is wanted", document(), {}, "without the signed head"),
        ("a revoked version", document(text=head(3, second, revoked=(revoked,))[1]),
         {"reference": "1"}, "is revoked"),
        ("a newer format", document(text=envelope.sign(
            KIND, json.dumps(newer).encode(), [ada]).decode()), {}, "update hotseat"),
    ]  # fmt: skip
    vectors = [
        {
            "name": name,
            "document": told,
            "keys": keys,
            "threshold": 1,
            "required": True,
            "reference": "live",
            "seen": None,
            "error": error,
            **more,
        }
        for name, told, more, error in cases
    ]
    value = {"now": NOW.isoformat(), "cases": vectors}
    text = json.dumps(value, ensure_ascii=False, indent=1)
    # the long one is written by its length
    text = text.replace(" " * (1 << 20), "@LONG@")
    PLACE.write_text(text + "\n", "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
