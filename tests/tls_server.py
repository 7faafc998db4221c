"""Servers with TLS on loopback, and addresses that do not answer."""

import contextlib
import socket
import ssl
import subprocess
import threading

ANSWER = b'HTTP/1.1 200 OK\r\ncontent-length: 15\r\n\r\n{"label": "ok"}'


def certificate(name, folder, host="good.test"):
    """Write a certificate that signs itself, and its key; returns its path."""
    path = folder / f"{name}.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
         "-keyout", folder / f"{name}.key", "-out", path, "-subj", f"/CN={host}",
         "-addext", f"subjectAltName=DNS:{host}"],
        check=True, capture_output=True,
    )  # fmt: skip
    return path


def serve(stack, certificate=None):
    """Answer whatever is sent, over TLS with a certificate; returns the port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if certificate is not None:
        context.load_cert_chain(certificate, certificate.with_suffix(".key"))

    def answer(line):
        while line.recv(65536):
            line.sendall(ANSWER)

    def converse(connection):
        with contextlib.suppress(OSError), connection:
            if certificate is None:
                answer(connection)
            else:
                with context.wrap_socket(connection, server_side=True) as line:
                    answer(line)

    def accept():
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                threading.Thread(
                    target=converse, args=(connection,), daemon=True
                ).start()

    listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
    stack.callback(listener.shutdown, socket.SHUT_RDWR)
    threading.Thread(target=accept, daemon=True).start()
    return listener.getsockname()[1]


def dead_port(stack, port):
    """Make a port of ::1 drop whatever comes: its queue is full."""
    dead = stack.enter_context(socket.socket(socket.AF_INET6))
    dead.bind(("::1", port))
    dead.listen(0)
    for _ in range(4):
        filler = stack.enter_context(socket.socket(socket.AF_INET6))
        filler.setblocking(False)
        filler.connect_ex(("::1", port))
