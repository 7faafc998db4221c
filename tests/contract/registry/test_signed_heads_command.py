"""The commands around signed heads, as two operators use them."""

import json

import pytest

from hotseat import _cli
from hotseat_registry import Reference, layout, open_registry
from hotseat_registry.trust import Trust
from hotseat_serve.api.factory import create_router
from hotseat_serve.api.messages import Request
from hotseat_serve.settings import Settings

BODY = b'{"text": "good"}'


@pytest.fixture
def team(tmp_path, publish, pair, monkeypatch):
    """A registry with two versions of two models, version 1 live; two people's keys."""
    registry = open_registry(f"file://{tmp_path}/registry")
    monkeypatch.setenv("HOTSEAT_REGISTRY", registry.store.uri)
    ada, bob = pair("ada"), pair("bob")
    monkeypatch.setenv("HOTSEAT_TRUST", f"{ada[1]},{bob[1]}")
    for model in ("mood", "chat"):
        for positive in (0.9, 0.8):
            publish(registry, model=model, positive=positive)
    for reference in ("mood@1", "mood@2", "chat@1", "chat@2"):
        assert _cli.main(["model", "sign", reference, "--key", str(ada[0])]) == 0
    for model in ("mood", "chat"):
        registry.promote(Reference(model, version=1), by="ada")

    def service(*, signed=True, threshold=1):
        settings = Settings(
            registry=registry.store.uri, cache=str(tmp_path / "cache"), log=False,
            trust=f"{ada[1]},{bob[1]}", signed_heads=signed, default_model="mood",
            trust_threshold=threshold, refresh_seconds=0.0,
        )  # fmt: skip
        router = create_router(settings)

        def version():
            for _ in range(2):  # the second answer is the refreshed one
                answer = router.answer(Request("POST", "/model-service", BODY))
                router.models._in_background = lambda job: job()
            return json.loads(answer.body).get("version", answer.status)

        return version

    return registry, str(ada[0]), str(bob[0]), service


def test_a_registry_moves_to_signed_heads_and_back(team, capsys):
    """One command signs all; services change one by one, without a gap; so back."""
    _, ada, _, service = team
    before = service(signed=False)
    assert before() == 1
    assert service()() == 503  # before the command it refuses, and says which one
    assert _cli.main(["registry", "sign", "--key", ada]) == 0
    assert capsys.readouterr().out.count("live 1, until") == 2
    after = service()
    assert (before(), after()) == (1, 1)
    assert _cli.main(["model", "promote", "mood@2", "--key", ada]) == 0
    assert (before(), after()) == (2, 2)
    assert _cli.main(["registry", "unsign"]) == 0
    assert (before(), service(signed=False)()) == (2, 2)
    assert service()() == 503


def test_a_move_without_a_key_says_what_is_missing(team, capsys):
    """It stands in the ledger, services stay, and the note names the command."""
    _, ada, _, service = team
    assert _cli.main(["registry", "sign", "--key", ada]) == 0
    assert _cli.main(["model", "promote", "mood@2"]) == 0
    assert "hotseat model approve mood --key KEY" in capsys.readouterr().out
    assert service()() == 1
    assert _cli.main(["model", "promote", "mood@1", "--key", ada]) == 1
    assert "live 1 -> 2" in capsys.readouterr().err
    assert _cli.main(["model", "approve", "mood", "--key", ada]) == 0
    assert service()() == 2


def test_two_people_make_a_version_live(team, capsys):
    """With --threshold 2 the first signature waits for the second."""
    _, ada, bob, service = team
    two = ["--threshold", "2"]
    assert _cli.main(["registry", "sign", "--key", ada, *two]) == 0
    assert "1 more signatures" in capsys.readouterr().out
    serving = service(threshold=2)
    assert serving() == 503
    for model in ("mood", "chat"):
        assert _cli.main(["model", "approve", model, "--key", bob, *two]) == 0
    assert serving() == 1
    assert _cli.main(["model", "promote", "mood@2", "--key", ada, *two]) == 0
    assert serving() == 1
    assert _cli.main(["model", "approve", "mood", "--key", bob, *two]) == 0
    assert serving() == 2
    assert _cli.main(["model", "rollback", "mood", "--key", bob, *two]) == 0
    assert _cli.main(["model", "approve", "mood", "--key", ada, *two]) == 0
    assert serving() == 1


def test_a_revoked_version_cannot_be_promoted(team, capsys):
    """Revoking asks for a number on which no alias stands."""
    registry, ada, _, _ = team
    assert _cli.main(["registry", "sign", "--key", ada]) == 0
    assert _cli.main(["model", "revoke", "mood@1", "--key", ada]) == 1
    assert "hotseat model rollback mood" in capsys.readouterr().err
    assert _cli.main(["model", "revoke", "mood", "--key", ada]) == 1
    assert _cli.main(["model", "revoke", "mood@2", "--key", ada]) == 0
    for key in ([], ["--key", ada]):
        assert _cli.main(["model", "promote", "mood@2", *key]) == 1
        assert "mood@2 is revoked" in capsys.readouterr().err
    assert registry.aliases("mood") == {"live": 1}


def test_a_service_goes_on_after_a_damaged_signed_head(team):
    """The last good one is served; the rest is the operator's."""
    registry, ada, _, service = team
    assert _cli.main(["registry", "sign", "--key", ada]) == 0
    serving = service()
    assert serving() == 1
    (registry.store.root / layout.signed("mood")).write_bytes(b"{")
    assert serving() == 1


def test_heads_take_keys():
    """Signed heads without keys are a mistake that is named."""
    from hotseat_registry.errors import RegistryError

    with pytest.raises(RegistryError, match="HOTSEAT_TRUST"):
        create_router(Settings(signed_heads=True))
    assert Trust(()).threshold == 1
