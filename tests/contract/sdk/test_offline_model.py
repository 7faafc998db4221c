"""Bringing a version to a device: whole or not at all, current, and never half."""

import json
import sys
import time

import orjson
import pytest

import hotseat
from hotseat import (
    BadInputError,
    ConfigError,
    ModelServiceClient,
    NotFoundError,
    TransportError,
    UntrustedError,
    _cli,
    _client,
)
from hotseat._device import graph, offline_model
from hotseat._device.model_store import ModelStore
from hotseat.aio import AsyncModelServiceClient
from hotseat.testing import Response
from hotseat_registry import Reference, archive, trust
from hotseat_serve.api.messages import Request
from hotseat_serve.api.router import Router
from hotseat_serve.runtime.model_cache import ModelCache
from hotseat_serve.settings import Settings


class Service:
    """The real service without a socket: it can be away, break off, and lie."""

    def __init__(self, registry, folder):
        self.settings = Settings(
            cache=str(folder / "cache"), downloads="*", refresh_seconds=0
        )
        self.router = Router(ModelCache(registry, self.settings), self.settings)
        self.away, self.only, self.status = False, None, None
        self.asked, self.change = [], None

    def send(self, request, _timeout):
        path = request.url.partition("localhost:8080")[2]
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.asked.append((path, headers.get("range")))
        if self.away or (self.only is not None and len(self.asked) > self.only):
            raise TransportError("cable pulled")
        answer = self.router.answer(
            Request(request.method, path, request.body or b"", headers)
        )
        body = self.change(path, answer.body) if self.change else answer.body
        return Response(self.status or answer.status, answer.headers, body)

    def close(self):
        """Nothing to close."""

    @property
    def ranges(self):
        """The pieces that were asked for."""
        return [wanted for _, wanted in self.asked if wanted]


@pytest.fixture
def service(registry, publish, tmp_path):
    """A service whose model `mood` has two versions, the first live."""
    publish(positive=0.9), publish(positive=0.8)
    registry.promote(Reference("mood", version=1), by="ada")
    return Service(registry, tmp_path)


@pytest.fixture
def client(service):
    """Make clients of it that keep versions in one folder, and never wait."""
    made = []

    def make(**options):
        client = ModelServiceClient(
            transport=service, sleep=lambda _: None, deadline=0.5, **options
        )
        made.append(client)
        return client

    yield make
    for client in made:
        client.close()


@pytest.fixture
def bring(tmp_path):
    """Bring a version to this device, and follow nothing."""

    def make(client, reference="mood#live", **options):
        options = {"folder": tmp_path / "device", "refresh": 0, **options}
        return client.download(reference, **options)

    return make


def promote(registry, version):
    """Move live."""
    registry.promote(Reference("mood", version=version), by="ada")


def test_without_the_service_the_same_version_answers_here(service, client, bring):
    """The answer is the service's own, to the last digit, and says where it is from."""
    asker = client()
    there = asker.predict("good", model="mood")
    brought = bring(asker)
    assert (brought.model, brought.version, brought.variant) == ("mood", 1, "fp32")
    assert brought.is_current
    assert brought.folder.is_dir()
    service.away = True
    here = asker.predict("good", model="mood", default="none")
    assert (here.source, here.is_default, here.request_id) == ("offline", False, None)
    for name in ("label", "probability", "scores", "model", "version", "variant"):
        assert getattr(here, name) == getattr(there, name)
    many = asker.predict_many(["good", "bad"], model="mood", version=1)
    assert [(a.label, a.source) for a in many] == [
        ("positive", "offline"), ("negative", "offline"),
    ]  # fmt: skip
    ticket = asker.submit("bad", model="mood", version="live")
    assert ticket.result(wait=5).source == "offline"
    service.away = False
    assert asker.predict("good", model="mood").source in {"offline", "service"}


def test_what_is_wrong_with_an_input_is_said_here_too(service, client, bring, caplog):
    """The same warnings without the service, each with its own answer, logged once."""
    asker = client()
    rows = [{"text": "good"}, {"text": "good", "lang": "en"}]
    there = asker.predict_many(rows, model="mood")
    bring(asker)
    service.away = True
    here = asker.predict_many(rows, model="mood")
    assert [one.source for one in here] == ["offline", "offline"]
    assert [one.warnings for one in here] == [one.warnings for one in there]
    assert [w.pointer for one in here for w in one.warnings] == ["/inputs/1/lang"]
    assert caplog.text.count("'lang' is ignored") == 1
    strict = {"strict": True}
    with pytest.raises(BadInputError) as caught:
        asker.submit(rows[1], model="mood", options=strict).result(wait=5)
    assert caught.value.pointer == "/inputs/0/lang"


def test_what_is_not_here_has_its_default(service, client, bring):
    """Another model, another alias, why: the version here stands in for no other."""
    asker = client()
    bring(asker)
    service.away = True
    for asked in ({"model": "other"}, {"model": "mood", "version": "canary"}, {},
                  {"model": "mood", "version": 2}):  # fmt: skip
        assert asker.predict("good", default="none", **asked).source == "default"
    assert asker.explain("good", model="mood", default="none").is_default
    with pytest.raises(BadInputError) as caught:
        asker.predict("", model="mood")
    assert caught.value.pointer == "/input"


def test_a_no_of_the_service_is_not_answered_here(service, client, bring):
    """A version stands in where the service is away, not where it says no."""
    asker = client()
    bring(asker)
    service.status = 403
    assert asker.predict("good", model="mood", default="none").source == "default"


def test_a_file_comes_in_pieces_and_goes_on_where_it_broke_off(
    service, client, bring, monkeypatch
):
    """After a cut, of the line or of the game, only what is missing is fetched."""
    monkeypatch.setattr(offline_model, "PIECE", 100)
    service.only = 3  # the version, and two pieces
    with pytest.raises(TransportError):
        bring(client())
    assert service.ranges[:2] == ["bytes=0-99", "bytes=100-199"]
    service.only, service.asked = None, []
    assert bring(client()).version == 1
    assert service.ranges[0] == "bytes=200-249"
    service.asked = []
    assert bring(client()).is_current
    assert service.ranges == []  # what is here and right is not fetched again


def test_the_last_good_version_is_kept(service, client, bring, registry):
    """Whatever comes or does not come, what answered yesterday answers today."""
    asker = client()
    bring(asker)
    promote(registry, 2)
    for change in (
        lambda path, body: body[::-1] if path.endswith(".onnx") else body,
        lambda path, body: b"{}" if path.endswith("/live") else body,
        lambda path, body: body + b"x" if path.endswith(".onnx") else body,
    ):
        service.change = change
        brought = bring(client())
        assert (brought.version, brought.is_current) == (1, False)
    service.change, service.away = None, True
    later = client()
    assert not bring(later).is_current
    assert later.predict("good", model="mood").probability == pytest.approx(0.9)
    service.away = False
    assert bring(client()).version == 2


def test_a_damaged_version_never_answers(service, client, bring):
    """Bytes that rotted on the disk are fetched anew, or not used at all."""
    brought = bring(client())
    graph = brought.folder / "model.onnx"
    good = graph.read_bytes()
    graph.write_bytes(b"x" * len(good))
    service.away = True
    with pytest.raises(TransportError):
        bring(client())
    assert not graph.exists()
    service.away = False
    assert bring(client()).is_current
    assert graph.read_bytes() == good


def test_a_version_that_fails_its_golden_rows_does_not_take_over(
    client, bring, registry, monkeypatch
):
    """A version must answer here as it was measured before it answers anybody."""
    asker = client()
    bring(asker)
    promote(registry, 2)
    real = offline_model.Graph.check

    def other_machine(graph, golden):
        if graph.bundle.version == 2:
            raise TransportError("a golden row is off")
        real(graph, golden)

    monkeypatch.setattr(offline_model.Graph, "check", other_machine)
    assert bring(client()).version == 1


def test_an_alias_that_moves_is_followed(service, client, registry, tmp_path):
    """Beside the game, and the version that is not needed any more is let go."""
    asker = client()
    asker.download("mood#live", folder=tmp_path / "device", refresh=0.02)
    promote(registry, 2)
    service.away, end = False, time.monotonic() + 10
    while not (tmp_path / "device/mood/2/model.onnx").exists():
        assert time.monotonic() < end
        time.sleep(0.01)
    while (tmp_path / "device/mood/1").exists():
        assert time.monotonic() < end
        time.sleep(0.01)
    service.away = True
    assert asker.predict("good", model="mood").version == 2
    asker.close()
    asked = len(service.asked)
    time.sleep(0.06)
    assert len(service.asked) == asked  # nobody asks after the end


@pytest.fixture
def signed(service, registry, keys):
    """The first version, signed."""
    assert service.asked == []
    manifest = registry.resolve(Reference("mood", version=1))
    archive.add_signature(
        registry, manifest, trust.sign(manifest, trust.LocalKey(keys[0]))
    )
    return manifest


@pytest.mark.usefixtures("signed")
def test_only_what_a_trusted_key_signed_is_used(client, bring, keys, pair):
    """The registry's own signatures are read; any other key, or none, is not enough."""
    brought = bring(client(), trust=[keys[1]])
    assert brought.signed_by == trust.hint(keys[1].read_bytes())
    assert bring(client()).signed_by is None
    with pytest.raises(UntrustedError, match="not trusted"):
        bring(client(), trust=[pair("other")[1]])
    with pytest.raises(UntrustedError, match="no signature"):
        bring(client(), "mood@2", trust=[keys[1]])
    with pytest.raises(ConfigError, match="not a public key"):
        bring(client(), trust=[__file__])


@pytest.mark.usefixtures("signed")
@pytest.mark.parametrize("field", ["card", "kind", "golden", "default_variant"])
def test_a_manifest_that_was_changed_is_not_what_was_signed(
    service, client, bring, keys, field
):
    """Every field but number, time and publisher is vouched for."""

    def change(path, body):
        if not path.endswith("/1"):
            return body
        told = orjson.loads(body)
        told["manifest"][field] = None if field == "golden" else "regression"
        told["manifest"]["version"] = 1
        return orjson.dumps(told)

    service.change = change
    with pytest.raises(UntrustedError, match=r"manifest\.json differs from"):
        bring(client(), "mood@1", trust=[keys[1]])


@pytest.mark.parametrize(
    "name", ["../evil.onnx", "/tmp/evil.onnx", "..", ".hidden", "a\\b.onnx", "c:x.onnx"]
)
def test_a_file_that_would_lie_elsewhere_is_no_version(
    service, client, bring, tmp_path, name
):
    """Whoever tells of versions writes nowhere but in their folder."""

    def change(path, body):
        if not path.endswith("/live"):
            return body
        told = orjson.loads(body)
        manifest = told["manifest"]
        manifest["variants"][0]["file"] = name
        manifest["files"][name] = manifest["files"]["model.onnx"]
        return orjson.dumps(told)

    service.change = change
    with pytest.raises(TransportError, match="does not describe a version"):
        bring(client())
    assert not list(tmp_path.rglob("*evil*"))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("sha256", "../../etc/passwd"), ("sha256", "A" * 64), ("sha256", None),
        ("sha256", "0" * 63), ("size", -1), ("size", 1.5), ("size", True),
        ("size", "1"), ("version", 0), ("version", "1"), ("version", 1e400),
        ("variants", {}), ("signature", []), ("files", None),
    ],
)  # fmt: skip
def test_a_digest_or_size_that_is_none_is_no_version(
    service, client, bring, tmp_path, field, value
):
    """Before anything of it is fetched or written."""

    def change(_path, body):
        told = orjson.loads(body)
        manifest = told["manifest"]
        place = manifest if field in manifest else manifest["files"]["model.onnx"]
        place[field] = value
        return json.dumps(told).encode()

    service.change = change
    with pytest.raises(TransportError):
        bring(client())
    assert service.ranges == []
    assert not (tmp_path / "device").exists()


def test_a_part_is_no_file_of_a_version(service, client, bring):
    """Else one file's bytes would be taken for what has come of another."""

    def change(_path, body):
        told = orjson.loads(body)
        manifest = told["manifest"]
        manifest["variants"][0]["data"] = ["model.onnx.part"]
        manifest["files"]["model.onnx.part"] = manifest["files"]["model.onnx"]
        return orjson.dumps(told)

    service.change = change
    with pytest.raises(TransportError, match="does not describe a version"):
        bring(client())


@pytest.mark.skipif(sys.platform == "win32", reason="folders there have no mode")
def test_the_folder_is_the_users_alone(client, bring, tmp_path, monkeypatch):
    """Whoever could write the notes would say which version answers offline."""
    bring(client())
    folder = tmp_path / "device"
    for place in (folder, folder / "mood", folder / "mood/1"):
        assert place.stat().st_mode & 0o777 == 0o700
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(sys, "platform", "linux")
    first = ModelStore.at(None, "https://game.example").root
    first.mkdir(parents=True)
    first.chmod(0o777)
    assert (
        ModelStore.at(None, "https://game.example").root.stat().st_mode & 0o777 == 0o700
    )


@pytest.mark.parametrize("version", ["1.19.2", "1.23.2", "0.5"])
def test_a_runtime_that_reads_any_file_is_refused(client, bring, monkeypatch, version):
    """The error names its version and the pip line; 1.24 and newer do."""
    monkeypatch.setattr(graph.onnxruntime, "__version__", version)
    with pytest.raises(ConfigError, match=f"{version} .*pip install 'onnxruntime>=1"):
        bring(client())
    for newer in ("1.24.0", "1.32.0+cu12", "2.0rc1"):
        graph.check_runtime(newer)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"kind": "generation"}, "only the service"),
        (
            {
                "files": {"model.onnx": {"sha256": "0" * 64, "size": 1 << 40}},
                "golden": None,
            },
            "the limit is",
        ),
        ({"format": 9}, "newer format"),
        ({"signature": {"inputs": [{"form": "smell"}]}}, "'smell'"),
        ({"signature": {"inputs": [], "rules": "go"}}, "rules of 'go'"),
    ],
)
def test_what_cannot_run_here_is_told(service, client, bring, change, why):
    """The refusal names the version and why, before a byte of it is fetched."""

    def changed(_path, body):
        told = orjson.loads(body)
        told.get("manifest", {}).update(change)
        return orjson.dumps(told)

    service.change = changed
    with pytest.raises(ConfigError, match=f"mood@1 cannot run.*{why}"):
        bring(client())
    assert service.ranges == []


@pytest.mark.parametrize("name", ["", "mo od", "mood@", "mood@live", "a/b", "mood#a#b"])
def test_a_reference_that_is_none_is_refused(client, bring, name):
    """It says how one is written."""
    with pytest.raises(ConfigError, match="connect-four#live"):
        bring(client(), name)


def test_a_model_that_is_not_offered_is_told(service, client, bring):
    """A no is a no, even where an older version lies here."""
    bring(client())
    service.settings = Settings(cache=service.settings.cache)
    service.router = Router(ModelCache(service.router.registry, service.settings),
                        service.settings)  # fmt: skip
    with pytest.raises(NotFoundError, match="not offered"):
        bring(client())


def test_a_folder_that_cannot_be_written_is_told(client, bring, tmp_path):
    """The folder is named."""
    (tmp_path / "file").write_text("x")
    with pytest.raises(ConfigError, match="cannot be written"):
        bring(client(), folder=tmp_path / "file")


def test_without_the_extra_it_says_what_to_install(client, bring, monkeypatch):
    """A game without onnxruntime is told the pip line."""
    for name in [name for name in sys.modules if name.startswith("hotseat._device")]:
        monkeypatch.delitem(sys.modules, name)
    # the import binds a new module here, which later tests must not see
    monkeypatch.setattr(hotseat, "_device", hotseat._device)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ConfigError, match=r"pip install hotseat\[offline\]"):
        bring(client())


class Awaited:
    """A transport for asyncio over one without."""

    def __init__(self, service):
        self.service = service

    async def send(self, request, timeout):  # noqa: ASYNC109
        return self.service.send(request, timeout)

    async def aclose(self):
        """Nothing to close."""


async def test_the_asynchronous_client_has_it_too(service, tmp_path, registry):
    """It brings, answers and follows in the same way."""
    import asyncio

    async with AsyncModelServiceClient(
        transport=Awaited(service), deadline=0.5
    ) as asker:
        folder = tmp_path / "device"
        brought = await asker.download("mood#live", folder=folder, refresh=0.02)
        assert brought.version == 1
        promote(registry, 2)
        end = time.monotonic() + 10
        while (folder / "mood/1").exists():
            assert time.monotonic() < end
            await asyncio.sleep(0.01)
        service.away = True
        answer = await asker.predict("good", model="mood", default="none")
        assert (answer.source, answer.version) == ("offline", 2)


def test_the_note_says_all_that_was_told(client, bring, tmp_path):
    """The service's own words are kept, so that a signature can be read again."""
    bring(client())
    note = json.loads((tmp_path / "device/mood/live.json").read_text())
    assert note["manifest"]["model"] == "mood"
    assert set(note) == {"manifest", "variant", "signatures"}


def test_a_folder_to_read_only_is_good_enough(service, client, bring, monkeypatch):
    """What came with the game answers, and is asked for nothing new in vain."""
    bring(client())

    def read_only(*_args, **_options):
        raise PermissionError("read only")

    monkeypatch.setattr("pathlib.Path.replace", read_only)
    monkeypatch.setattr("pathlib.Path.write_text", read_only)
    assert bring(client()).is_current
    promote(service.router.registry, 2)
    brought = bring(client())
    assert (brought.version, brought.is_current) == (1, False)


def test_the_command_brings_a_version(service, tmp_path, monkeypatch, capsys):
    """`hotseat model download` says what is here now, and where; or why not."""
    monkeypatch.setattr(_client, "HttpTransport", lambda *_, **__: service)
    folder = str(tmp_path / "assets")
    assert _cli.main(["model", "download", "mood#live", "--folder", folder]) == 0
    assert capsys.readouterr().out.startswith(f"mood@1 (fp32): {folder}")
    service.away = True
    again = ["model", "download", "mood#live", "--folder", folder, "--deadline", "0.2"]
    assert _cli.main(again) == 0
    assert "the last verified download" in capsys.readouterr().err
    assert _cli.main(["model", "download", "mood@2", *again[3:]]) == 1
    assert "cable pulled" in capsys.readouterr().err
    assert _cli.main(["model", "download", "a b"]) == 1


def test_a_route_with_another_name_is_brought_by_that(service, client, bring):
    """What a game asks by is what it downloads by; the answer names the model."""
    service.settings = Settings(
        cache=service.settings.cache, downloads="*", route="chat", default_model="mood"
    )
    service.router = Router(ModelCache(service.router.registry, service.settings),
                        service.settings)  # fmt: skip
    asker = client()
    assert bring(asker, "chat#live").model == "mood"
    service.away = True
    for version in (None, 1):
        answer = asker.predict("good", model="chat", version=version)
        assert (answer.source, answer.model) == ("offline", "mood")
    assert bring(client(), "chat#live").version == 1
