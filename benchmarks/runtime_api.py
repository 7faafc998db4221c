"""The Lambda runtime API on loopback, as its documentation says.

docs.aws.amazon.com/lambda, "Using the Lambda runtime API": a runtime client asks for
the next event and posts the answer. For the tests and for measuring cold starts.
"""

import json
import queue
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class RuntimeApi:
    """Hands events to a runtime client and takes its answers."""

    def __init__(self):
        api = self
        self.events, self.answers = queue.Queue(), queue.Queue()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"  # the client takes no older one
            disable_nagle_algorithm = True  # or each answer waits 40 ms for its header

            def do_GET(self):
                number, event = api.events.get()
                body = json.dumps(event).encode()
                self.send_response(200)
                self.send_header("Lambda-Runtime-Aws-Request-Id", f"aws-{number}")
                deadline = str(int(time.time() * 1000) + 60_000)
                self.send_header("Lambda-Runtime-Deadline-Ms", deadline)
                self.send_header(
                    "Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:::f"
                )
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_POST(self):
                size = int(self.headers.get("Content-Length") or 0)
                body = self.rfile.read(size)
                self.send_response(202)
                self.send_header("Content-Length", "0")
                self.end_headers()
                api.answers.put((self.path.rpartition("/")[2], json.loads(body)))

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        # a client that is killed breaks off, which is no news
        self.server.handle_error = lambda *_: None
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.address = f"127.0.0.1:{self.server.server_address[1]}"
        self.count = 0

    def ask(self, event):
        """Send an event and return what the function answered."""
        self.count += 1
        self.events.put((self.count, event))
        kind, answer = self.answers.get(timeout=20)
        assert kind == "response", answer
        return answer

    def close(self):
        """Stop serving."""
        self.server.shutdown()
        self.server.server_close()
