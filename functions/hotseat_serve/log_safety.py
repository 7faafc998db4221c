"""Escape control characters in log lines.

A name, a header or a model's error text may contain escape sequences, line breaks or
characters that change the reading direction of a terminal.
"""

import logging
import re

_STEERING = re.compile(
    "[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)
LOGGERS = ("hotseat.serve", "hotseat.registry", "uvicorn.error")


def escaped(text: str) -> str:
    """Return a text on one line, control and direction characters escaped."""
    return _STEERING.sub(lambda found: ascii(found[0])[1:-1], text)


class Escaping(logging.Filter):
    """Escapes a record's message; of a traceback it keeps the lines."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Change the record in place; returns True."""
        # late: most processes log no line of their own
        from hotseat_serve.privacy.recognisers import mask

        record.msg, record.args = escaped(mask(record.getMessage(), numbers=False)), ()
        if record.exc_info and not record.exc_text:
            text = logging.Formatter().formatException(record.exc_info)
            record.exc_text = "\n".join(
                escaped(mask(line, numbers=False)) for line in text.split("\n")
            )
        return True


_ESCAPING = Escaping()


def escape_logs() -> None:
    """Escape the records of our loggers and of the local server; call it once."""
    for name in LOGGERS:
        logging.getLogger(name).addFilter(_ESCAPING)
