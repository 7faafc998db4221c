"""Servers with TLS on loopback, and addresses that do not answer."""

import contextlib
import itertools
import socket
import ssl
import subprocess
import threading
import time

EARLY = b"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n"
HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s"


def answer(number):
    """Return an answer whose label is the number of its connection."""
    body = b'{"label": "%d"}' % number
    return HEAD % (len(body), body)


def chunk(text):
    """Return a chunk of an answer."""
    return b"%x\r\n%s\r\n" % (len(text), text)


EVENTS = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
    b"transfer-encoding: chunked\r\n\r\n"
)


def slow_events():
    """Yield two events with a second between them."""
    yield EVENTS + chunk(b"event: token\ndata: gg\n\n")
    time.sleep(1)
    yield chunk(b"data: wp\n\n") + b"0\r\n\r\n"


def endless_events(cancelled):
    """Yield an event, then comments until the client is gone."""
    yield EVENTS + chunk(b"data: gg\n\n")
    try:
        for _ in range(1000):
            time.sleep(0.02)
            yield chunk(b": ping\n\n")
    finally:
        cancelled.set()


# streams of events; a start that breaks off is asked again
STREAMS = {
    "slow": lambda number, _request: slow_events() if number > 1 else None,
    "broken": lambda number, _request: (
        [EVENTS + chunk(b"data: gg\n\n"), None] if number == 1 else slow_events()
    ),
    "refused": lambda _number, _request: (
        b'HTTP/1.1 422 X\r\ncontent-length: 12\r\n\r\n{"code":"x"}'
    ),
}

# what is said to request `request` of connection `number`, perhaps in pieces;
# None: hang up
TALKS = {
    "kept": lambda number, _request: answer(number),
    "closed": lambda number, request: answer(number) if request == 1 else None,
    "forgotten": lambda number, request: answer(number) if request == 1 else b"",
    "interim": lambda number, _request: EARLY + answer(number),
}


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


def serve(stack, certificate=None, talk=TALKS["kept"]):
    """Answer as `talk` says, over TLS with a certificate; returns the port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if certificate is not None:
        context.load_cert_chain(certificate, certificate.with_suffix(".key"))

    def answer(line, number):
        request = 0
        while line.recv(65536):
            request += 1
            said = talk(number, request)
            for piece in [said] if said is None or isinstance(said, bytes) else said:
                if piece is None:
                    return
                line.sendall(piece)

    def converse(connection, number):
        with contextlib.suppress(OSError), connection:
            if certificate is None:
                answer(connection, number)
            else:
                with context.wrap_socket(connection, server_side=True) as line:
                    answer(line, number)

    def accept():
        with contextlib.suppress(OSError):
            for number in itertools.count(1):
                connection, _ = listener.accept()
                threading.Thread(
                    target=converse, args=(connection, number), daemon=True
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
