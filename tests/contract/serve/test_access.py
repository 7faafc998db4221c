"""Who may ask: tokens at every front, limits, and what a token does not reach."""

import json
import os
import secrets
import shutil
import subprocess
import sys
import time
from pathlib import Path

import boto3
import jwt
import orjson
import pytest
from moto import mock_aws

from hotseat import _cli
from hotseat_registry import Reference, open_registry
from hotseat_registry.errors import StoreError
from hotseat_registry.trust import LocalKey, Trust
from hotseat_serve.access import authorizer
from hotseat_serve.access.access_keys import from_pem
from hotseat_serve.access.buckets import Limit
from hotseat_serve.access.dynamodb_buckets import DynamoBuckets
from hotseat_serve.access.key_source import RegistryKeys
from hotseat_serve.access.mint import mint
from hotseat_serve.access.verifier import create_verifier
from hotseat_serve.adapters import api_gateway
from hotseat_serve.api.factory import create_router
from hotseat_serve.api.messages import Request
from hotseat_serve.runtime.loaded_model import LoadedModel
from hotseat_serve.settings import Settings

BODY = orjson.dumps({"text": "good"})


@pytest.fixture
def stage(tmp_path, publish, keys):
    """A registry with two live models and token keys, and a service that wants them."""
    registry = open_registry(f"file://{tmp_path}/registry")
    for model in ("mood", "chat"):
        publish(registry, model=model)
        registry.promote(Reference(model, version=1), by="ada")
    command = ["registry", "access", "--registry", registry.store.uri]
    assert _cli.main([*command, "--add-key", str(keys[1])]) == 0

    class Stage:
        uri, key, private = registry.store.uri, LocalKey(keys[0]), keys[0]

        def router(self, **more):
            settings = {
                "registry": self.uri, "cache": str(tmp_path / "cache"), "log": False,
                "models": "mood,chat", "default_model": "mood", "access": "tokens",
            }  # fmt: skip
            return create_router(Settings(**{**settings, **more}))

        def token(self, player="p", **more):
            more = {"now": time.time(), "token_id": secrets.token_hex(4), **more}
            return mint(self.key, player, **more)

        def run(self, *words):
            return _cli.main([*command, *map(str, words)])

    return Stage()


def ask(router, path="/v1/models/mood/predict", body=BODY, token=None, **more):
    """Send a request; return status, JSON and headers."""
    headers = {} if token is None else {"authorization": f"Bearer {token}"}
    method = more.pop("method", "POST" if body else "GET")
    answer = router.answer(Request(method, path, body, headers, **more))
    return answer.status, orjson.loads(answer.body or b"null"), answer.headers


@pytest.fixture
def runs(monkeypatch):
    """The number of times that a model ran."""
    calls = []
    real = LoadedModel.predict
    monkeypatch.setattr(
        LoadedModel, "predict", lambda *a, **k: calls.append(1) or real(*a, **k)
    )
    return calls


@pytest.mark.parametrize(
    "path",
    ["/v1/models/mood/predict", "/model-service", "/v1/models", "/v1/models/mood",
     "/v2/models/mood/infer", "/v2/models/mood", "/v2", "/v2/repository/index",
     "/v2/models/stats", "/nothing", "/v1/models/mood/versions/live"],
)  # fmt: skip
def test_no_route_answers_without_a_token(stage, path, runs):
    """401 in the service's form, with the scheme, and the model never ran."""
    router = stage.router(downloads="*")
    router.warm()
    del runs[:]
    for token in (None, "", "abc", stage.token(now=time.time() - 9_999)):
        status, body, headers = ask(router, path, token=token)
        assert (status, headers["www-authenticate"]) == (401, "Bearer")
        said = body.get("detail") or body["error"]
        assert "token" in said
        assert "[" not in said  # no word of ours is masked as a secret
    assert not runs


def test_probes_and_preflights_need_none(stage):
    """An orchestrator and a browser's preflight have no token."""
    router = stage.router(origins="https://game.example")
    assert ask(router, "/v2/health/live", b"")[0] == 200
    assert ask(router, "/v2/health/ready", b"")[0] == 200
    headers = {
        "origin": "https://game.example",
        "access-control-request-method": "POST",
    }
    answer = router.answer(Request("OPTIONS", "/model-service", b"", headers))
    assert answer.status == 204


def test_a_token_reaches_the_models_that_it_names(stage):
    """Others are not there, and no list shows them."""
    router = stage.router()
    token = stage.token(models=["mood"])
    assert ask(router, token=token)[0] == 200
    assert ask(router, "/model-service", token=token)[0] == 200
    for path in ("/v1/models/chat/predict", "/v1/models/chat:predict"):
        status, body, _ = ask(router, path, token=token)
        assert (status, body["code"]) == (404, "model_not_found")
    for path in ("/v1/models/chat", "/v2/models/chat", "/v2/models/chat/stats"):
        assert ask(router, path, b"", token=token)[0] == 404
    everything = stage.token()
    assert ask(router, "/v1/models/chat/predict", token=everything)[0] == 200
    _, catalogue, _ = ask(router, "/v1/models", b"", token=token)
    assert [model["name"] for model in catalogue["models"]] == ["mood"]
    _, index, _ = ask(router, "/v2/repository/index", b"{}", token=token)
    assert [item["name"] for item in index] == ["mood"]
    only_chat = stage.token(models=["chat"])
    assert ask(router, "/model-service", token=only_chat)[0] == 404


def test_limits_are_by_player_and_model(stage, runs):
    """429 with Retry-After, retryable, and the model never ran."""
    router = stage.router(player_rate=0.5, player_burst=2)
    token = stage.token()
    assert [ask(router, token=token)[0] for _ in range(3)] == [200, 200, 429]
    del runs[:]
    status, body, headers = ask(router, token=token)
    assert (status, body["code"], body["retryable"]) == (429, "throttled", True)
    assert 1 <= int(headers["retry-after"]) <= 2
    assert not runs
    assert ask(router, "/v1/models/chat/predict", token=token)[0] == 200
    assert ask(router, token=stage.token("other"))[0] == 200
    status, body, headers = ask(router, "/v2/models/mood", b"", token=token)
    assert (status, "error" in body, "retry-after" in headers) == (429, True, True)


def test_a_token_may_have_its_own_limit(stage):
    """`rate` and `burst` of a token stand in for the stage's."""
    router = stage.router(player_rate=100, player_burst=100)
    token = stage.token(rate=0.1, burst=1)
    assert [ask(router, token=token)[0] for _ in range(2)] == [200, 429]


def test_tokens_of_another_game_are_forbidden(stage):
    """Where a stage lists its games."""
    router = stage.router(token_games="chess,go")
    assert ask(router, token=stage.token(game="go"))[0] == 200
    status, body, _ = ask(router, token=stage.token(game="poker"))
    assert (status, body["code"]) == (403, "forbidden")


def test_keys_and_revocations_are_the_registrys(stage, pair, capsys):
    """`registry access` adds, removes and revokes; services follow within a minute."""
    token = stage.token("cheat")
    assert ask(stage.router(), token=token)[0] == 200
    assert stage.run("--revoke-player", "cheat") == 0
    assert "revoked player cheat" in capsys.readouterr().out
    assert ask(stage.router(), token=token)[0] == 401
    assert ask(stage.router(), token=stage.token())[0] == 200
    assert stage.run("--remove-key", "nothing") == 1
    (old,) = from_pem([stage.key.public()]).points
    new = pair("new")
    assert stage.run("--add-key", new[1], "--remove-key", old) == 0
    assert ask(stage.router(), token=stage.token())[0] == 401
    stage.key = LocalKey(new[0])
    assert ask(stage.router(), token=stage.token())[0] == 200


def test_keys_are_signed_where_the_registry_is_trusted(stage, pair):
    """Whoever writes to the bucket adds no key of their own."""
    private, public = pair("operator")
    registry = open_registry(stage.uri)
    trust = Trust.read(str(public))
    clock = [0.0]
    keys = RegistryKeys(registry.store, trust, lambda: clock[0])
    with pytest.raises(Exception, match="no signed document"):
        keys(False)
    (registry.store.root / "access.json").unlink()
    with pytest.raises(StoreError, match="hotseat registry access"):
        keys(False)
    trusted = ("--trust", public)
    assert stage.run("--add-key", public, *trusted) == 1
    assert stage.run("--add-key", public, *trusted, "--key", private) == 0
    first = keys(False)
    old = (registry.store.root / "access.json").read_bytes()
    assert stage.run("--revoke-token", "t", *trusted, "--key", private) == 0
    assert keys(False) is first  # for a minute
    clock[0] = 61.0
    assert keys(False).revoked_tokens == {"t"}
    (registry.store.root / "access.json").write_bytes(old)
    clock[0] = 122.0
    assert keys(False).revoked_tokens == {"t"}  # an older one is not believed


def test_unknown_keys_do_not_make_it_read_for_each_token(stage, monkeypatch):
    """Tokens name what keys they like; the registry is read at most every 5 s."""
    store = open_registry(stage.uri).store
    reads, read = [], store.read
    monkeypatch.setattr(store, "read", lambda *a, **k: reads.append(a) or read(*a, **k))
    clock = [0.0]
    keys = RegistryKeys(store, None, lambda: clock[0])
    for _ in range(10):
        keys(True)
    assert len(reads) == 1
    clock[0] = 5.0
    keys(True)
    assert len(reads) == 2


def test_other_libraries_read_our_tokens_and_we_theirs(stage, keys):
    """PyJWT in both directions, with keys in PEM and as a key set."""
    public = keys[1].read_bytes()
    ours = stage.token(models=["mood"], game="g")
    claims = jwt.decode(ours, public, algorithms=["ES256"], audience="hotseat")
    assert (claims["sub"], claims["models"]) == ("p", ["mood"])
    document = json.loads(from_pem([public]).to_bytes())
    (jwk,) = jwt.PyJWKSet.from_dict(document).keys
    assert jwt.decode(ours, jwk.key, algorithms=["ES256"], audience="hotseat") == claims
    assert jwt.get_unverified_header(ours)["kid"] == jwk.key_id
    theirs = jwt.encode(
        {"sub": "x", "aud": "hotseat", "iat": time.time(), "exp": time.time() + 60},
        stage.private.read_bytes(), "ES256", {"kid": jwk.key_id},
    )  # fmt: skip
    assert ask(stage.router(), token=theirs)[0] == 200


def test_the_command_mints_what_services_accept(stage, capsys):
    """`hotseat token`, and its mistakes."""
    key = ["--key", str(stage.private)]
    assert _cli.main(["token", "p7", *key, "--model", "mood", "--game", "g"]) == 0
    assert ask(stage.router(), token=capsys.readouterr().out.strip())[0] == 200
    assert _cli.main(["token", "p7", *key, "--minutes", "1441"]) == 1
    assert "86400 s" in capsys.readouterr().err
    assert _cli.main(["token", "p 7", *key]) == 1


@pytest.mark.usefixtures("aws")
def test_a_key_in_kms_mints_tokens(tmp_path, capsys):
    """The private key never leaves KMS; the registry takes its public half."""
    registry = f"file://{tmp_path}/registry"
    with mock_aws():
        key = boto3.client("kms").create_key(
            KeyUsage="SIGN_VERIFY", KeySpec="ECC_NIST_P256"
        )["KeyMetadata"]["KeyId"]
        words = ["registry", "access", "--registry", registry]
        assert _cli.main([*words, "--add-kms", key]) == 0
        assert _cli.main([*words, "--add-kms", "no-such-key"]) == 1
        assert "no-such-key" in capsys.readouterr().err
        assert _cli.main(["token", "p7", "--kms", key]) == 0
    token = capsys.readouterr().out.strip()
    settings = Settings(registry=registry)
    verifier = create_verifier(settings, open_registry(registry).store)
    assert verifier.verify(token).caller.player == "p7"


@pytest.fixture
def front(stage, monkeypatch):
    """The authorizer's function, as API Gateway calls it."""
    monkeypatch.setenv("HOTSEAT_REGISTRY", stage.uri)
    authorizer._opened.cache_clear()
    yield authorizer.handler
    authorizer._opened.cache_clear()


ARN = "arn:aws:execute-api:eu-west-1:123456789012:abc/prod/POST/v1/models/mood/predict"


def test_the_authorizer_and_the_function_agree(stage, front):
    """What it passes on is what the function believes, at both kinds of API."""
    token = stage.token(models=["mood"], rate=0.1, burst=1, game="g")
    headers = {"Authorization": f"Bearer {token}"}
    rest = front({"type": "REQUEST", "methodArn": ARN, "headers": headers}, None)
    assert rest["principalId"] == "p"
    (statement,) = rest["policyDocument"]["Statement"]
    assert statement["Effect"] == "Allow"
    assert statement["Resource"] == ARN.partition("/prod/")[0] + "/prod/*"
    http = front(
        {"version": "2.0", "headers": {"authorization": f"bearer {token}"}}, None
    )
    assert http == {"isAuthorized": True, "context": rest["context"]}
    assert all(isinstance(value, str) for value in rest["context"].values())
    router = stage.router(access="gateway")
    for context in (
        {"authorizer": {"principalId": "p", **rest["context"]}},
        {"authorizer": {"lambda": http["context"]}, "http": {"method": "POST"}},
    ):
        event = {
            "httpMethod": "POST", "path": "/v1/models/mood/predict",
            "rawPath": "/v1/models/mood/predict", "body": BODY.decode(),
            "requestContext": context,
        }  # fmt: skip
        request = api_gateway.parse_event(event, "r")
        assert (request.caller.player, request.caller.game) == ("p", "g")
        assert (request.caller.models, request.caller.rate) == ({"mood"}, 0.1)
        assert router.answer(request).status == 200
        event["path"] = event["rawPath"] = "/v1/models/chat/predict"
        assert router.answer(api_gateway.parse_event(event, "r")).status == 404


def test_the_authorizer_names_the_games_key(stage, front, monkeypatch):
    """Where a game's limits are taken by its tokens: one key a game, of the stage."""
    monkeypatch.setenv("HOTSEAT_GAME_KEYS", "hotseat-prod-")
    authorizer._opened.cache_clear()
    named = {
        game: front(
            {"methodArn": ARN, "headers": {
                "authorization": f"Bearer {stage.token(game=game)}"}}, None
        )["usageIdentifierKey"]
        for game in ("chess", "racing")
    }  # fmt: skip
    settings = Settings(game_keys="hotseat-prod-")
    assert named == {game: settings.usage_key(game) for game in named}
    assert len(set(named.values())) == 2
    # API Gateway's keys: 20 to 128 characters
    assert all(20 <= len(key) <= 128 and key.isalnum() for key in named.values())


@pytest.mark.parametrize(
    "context",
    [
        {"authorizer": {"claims": {"sub": "u1"}}},
        {"authorizer": {"jwt": {"claims": {"sub": "u1"}, "scopes": None}}},
        {"authorizer": {"iam": {"userArn": "u1"}}},
        {"identity": {"userArn": "u1"}},
    ],
)
def test_other_authorizers_of_aws_say_who_asks(stage, context):
    """Cognito, JWT and IAM, at both kinds of API; without any it is a 401."""
    event = {"httpMethod": "POST", "path": "/model-service", "body": BODY.decode()}
    router = stage.router(access="gateway")
    request = api_gateway.parse_event({**event, "requestContext": context}, "r")
    assert request.caller.player == "u1"
    assert router.answer(request).status == 200
    for nobody in ({}, {"authorizer": {}}, {"identity": {"userArn": None}},
                   {"authorizer": {"claims": {}}}, {"authorizer": None}):  # fmt: skip
        request = api_gateway.parse_event({**event, "requestContext": nobody}, "r")
        assert router.answer(request).status == 401


def test_the_authorizer_refuses_as_api_gateway_wants_it(stage, front, monkeypatch):
    """REST: an error named Unauthorized; HTTP: not authorized; without keys neither."""
    for headers in (
        {},
        None,
        {"Authorization": "Basic x"},
        {"authorization": "Bearer x"},
    ):
        with pytest.raises(Exception, match=r"^Unauthorized$"):
            front({"methodArn": ARN, "headers": headers}, None)
        simple = front({"version": "2.0", "headers": headers}, None)
        assert simple == {"isAuthorized": False}
    authorizer._opened.cache_clear()
    monkeypatch.setenv("HOTSEAT_REGISTRY", f"{stage.uri}-away")
    with pytest.raises(StoreError):
        front({"version": "2.0", "headers": {"authorization": stage.token()}} | {
            "headers": {"authorization": f"Bearer {stage.token()}"}}, None)  # fmt: skip


@pytest.fixture
def table(aws, moto_server):
    """A table for limits in moto, as the stack creates it."""
    aws.setenv("AWS_ENDPOINT_URL", moto_server)
    aws.setenv("AWS_REGION", "us-east-1")
    name = f"limits-{secrets.token_hex(4)}"
    client = boto3.client("dynamodb", endpoint_url=moto_server)
    client.create_table(
        TableName=name,
        AttributeDefinitions=[{"AttributeName": "bucket", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "bucket", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )
    return name, client


def test_the_table_limits_as_memory_does(table):
    """The same answers for the same times, for a new, a partial and a full bucket."""
    from hotseat_serve.access.buckets import MemoryBuckets

    name, client = table
    now = [1_800_000_000.0]
    ours = DynamoBuckets(name, now=lambda: now[0])
    memory, limit = MemoryBuckets(lambda: now[0]), Limit(2.0, 3)
    for pause in (0, 0, 0, 0, 0.4, 0.1, 0.1, 5, 0, 0, 0, 1.5, 0, 0, 0):
        now[0] += pause
        expected = memory.take("g/p/mood", limit)
        assert ours.take("g/p/mood", limit) == pytest.approx(expected, abs=1e-5)
    (item,) = client.scan(TableName=name)["Items"]
    assert int(item["expires"]["N"]) > now[0]
    assert float(item["full_at"]["N"]) == pytest.approx(
        memory._full_at["g/p/mood"], abs=1e-4
    )


def test_several_functions_share_the_table(stage, table):
    """The limit is that of the player, not of the process."""
    name, _ = table
    more = {"player_rate": 0.1, "player_burst": 2, "rate_table": name}
    routers = [stage.router(**more) for _ in range(3)]
    token = stage.token()
    assert [ask(router, token=token)[0] for router in routers] == [200, 200, 429]


@pytest.mark.usefixtures("table")
def test_a_table_that_is_away_limits_nobody(stage, caplog):
    """The request is answered, and the log says why nothing was limited."""
    router = stage.router(player_rate=0.1, player_burst=1, rate_table="nothing")
    token = stage.token()
    assert [ask(router, token=token)[0] for _ in range(2)] == [200, 200]
    assert "the table does not answer" in caplog.text


def test_pythons_sdk_mints_what_services_accept(stage, tmp_path):
    """One call for a game's server; mistakes are the SDK's own errors."""
    from hotseat import tokens
    from hotseat.errors import ConfigError

    router = stage.router(token_games="chess")
    token = tokens.mint(stage.private, "p7", game="chess", models=["mood"], rate=5)
    assert ask(router, token=token)[0] == 200
    assert ask(router, "/v1/models/chat", b"", token=token)[0] == 404
    for bad in ({"player": "p 7"}, {"seconds": 86_401}, {"key": tmp_path / "none"}):
        with pytest.raises(ConfigError):
            tokens.mint(**{"key": stage.private, "player": "p7", **bad})


def test_nodes_sdk_mints_what_services_accept(stage):
    """The same call in Node; CI builds the SDK before it runs the tests."""
    router = stage.router(token_games="chess")
    dist = Path(__file__).parents[3] / "sdk/typescript/dist/tokens.js"
    node = shutil.which("node")
    if not os.environ.get("CI") and (node is None or not dist.exists()):
        pytest.skip("the TypeScript SDK is not built: make playground")
    script = (
        f'import {{ mintToken }} from "{dist.as_uri()}";'
        'import { readFileSync } from "node:fs";'
        f'const key = readFileSync("{stage.private}", "utf8");'
        'console.log(mintToken(key, "p8", { game: "chess" }))'
    )
    made = subprocess.run(
        [node, "--input-type=module", "-e", script], capture_output=True, check=True
    )
    assert ask(router, token=made.stdout.decode().strip())[0] == 200


def test_the_authorizer_starts_without_the_service():
    """It imports no runtime, no numpy, no AWS library and none of the registry."""
    script = (
        "import sys, hotseat_serve.access.authorizer;"
        "heavy = {'numpy', 'onnxruntime', 'boto3', 'orjson', 'cryptography',"
        "'hotseat_registry.registry', 'hotseat_registry.manifest'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, check=True
    )
    assert done.stdout.decode().strip() == "[]"


def test_the_registrys_names_are_there_when_they_are_used():
    """Each name of the package can be imported, and another one is an error."""
    import hotseat_registry

    assert all(getattr(hotseat_registry, name) for name in hotseat_registry.__all__)
    assert set(hotseat_registry._PLACES) == set(hotseat_registry.__all__)
    with pytest.raises(AttributeError, match="nothing"):
        _ = hotseat_registry.nothing
