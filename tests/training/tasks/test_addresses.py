"""Tables from a bucket and over HTTPS, with and without their digest."""

import datetime as dt
import hashlib
import http.server
import ssl
import threading

import boto3
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from moto.server import ThreadedMotoServer

from hotseat_train.data import tables
from hotseat_train.errors import DatasetError

TABLE = b"a,b\n" + b"".join(f"{n % 7},{n % 3}\n".encode() for n in range(40))
DIGEST = hashlib.sha256(TABLE).hexdigest()


@pytest.fixture
def bucket(monkeypatch, tmp_path):
    """A bucket of a local S3, with a table and a folder of parts."""
    server = ThreadedMotoServer(port=0)
    server.start()
    host, port = server.get_host_and_port()
    monkeypatch.chdir(tmp_path)
    for name, value in {
        "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1", "AWS_ENDPOINT_URL": f"http://{host}:{port}",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="studio")
    for key in ("one/players.csv", "parts/day=1/a.csv", "parts/day=2/a.csv"):
        s3.put_object(Bucket="studio", Key=key, Body=TABLE)
    yield s3
    server.stop()


def test_an_object_and_a_folder_of_a_bucket_are_read(bucket):
    """A note has the digest; a pinned object is read from its copy."""
    found = tables.describe("s3://studio/one/players.csv")
    assert (found.rows, found.sha256) == (40, DIGEST)
    pinned = f"s3://studio/one/players.csv#sha256={DIGEST}"
    assert found.notes == (f"pin this version of the table: {pinned}",)
    bucket.delete_object(Bucket="studio", Key="one/players.csv")
    assert tables.describe(pinned).rows == 40
    with pytest.raises(DatasetError, match=r"cannot be read.*aws s3 cp"):
        tables.describe("s3://studio/one/players.csv")
    parts = tables.describe("s3://studio/parts")
    assert (parts.name, parts.rows) == ("parts", 80)
    assert parts.column("day").distinct == 2


@pytest.fixture
def address(monkeypatch, tmp_path):
    """The address of a table behind TLS with a certificate of its own."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "web").mkdir()
    (tmp_path / "web/players.csv").write_bytes(TABLE)
    certificate(tmp_path / "key.pem", tmp_path / "ca.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "ca.pem", tmp_path / "key.pem")

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args):
            super().__init__(*args, directory=tmp_path / "web")

        def log_message(self, *_args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    yield f"https://localhost:{server.server_port}/players.csv"
    server.shutdown()
    server.server_close()


def certificate(key_path, path):
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(now - dt.timedelta(1))
        .not_valid_after(now + dt.timedelta(1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), False)
        .add_extension(x509.BasicConstraints(True, None), True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    path.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    key_path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )  # fmt: skip


def test_a_table_is_downloaded_over_https_and_held_to_its_digest(address):
    assert tables.describe(address).sha256 == DIGEST
    assert tables.describe(f"{address}#sha256={DIGEST}").rows == 40
    with pytest.raises(DatasetError, match="another file now; nothing was kept"):
        tables.describe(f"{address}#sha256={'0' * 64}")
    with pytest.raises(DatasetError, match=r"cannot be downloaded.*404"):
        tables.describe(address.replace("players", "away"))
