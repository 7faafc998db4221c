"""What callers send does not steer the terminal that shows the log."""

import io
import logging

from hypothesis import example, given
from hypothesis import strategies as st

from hotseat_serve.api.telemetry import to_stdout
from hotseat_serve.log_safety import Escaping, escaped


def test_control_and_direction_characters_are_written_out():
    """Colours, a forged line, a C1 sequence, and text that runs backwards."""
    assert escaped("a\x1b[31m\r\nb\x9b2J\u202ec") == r"a\x1b[31m\r\nb\x9b2J\u202ec"
    assert escaped("naïve 中文 🙂") == "naïve 中文 🙂"


@given(st.text())
@example("\x85\u2028")
def test_an_escaped_text_is_one_line_without_control_characters(text):
    """Whatever Unicode calls a line break is none any more."""
    safe = escaped(text)
    assert len(safe.splitlines()) <= 1
    assert not any(ord(letter) < 32 or 127 <= ord(letter) < 160 for letter in safe)


def test_a_record_is_escaped_with_its_traceback():
    """The lines of the traceback stay, what the error quotes is escaped."""
    stream = io.StringIO()
    log = logging.getLogger("hotseat.test.log_safety")
    log.propagate = False
    log.addFilter(Escaping())
    log.addHandler(logging.StreamHandler(stream))
    try:
        int("\x1b[2J")
    except ValueError:
        log.exception("request %s failed", "x\x1b[31m\ny")
    written = stream.getvalue()
    assert "\x1b" not in written
    assert written.splitlines()[0] == r"request x\x1b[31m\ny failed"
    assert r"\x1b[2J" in written


def test_a_requests_line_has_no_control_characters(capsys):
    """JSON escapes those under 32; the others steer a terminal too."""
    to_stdout('{"model":"\x9b2J\x7f中"}'.encode())
    assert capsys.readouterr().out == '{"model":"\\u009b2J\\u007f中"}\n'
