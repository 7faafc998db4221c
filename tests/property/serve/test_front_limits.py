"""No answer is over the limit of the front that it goes through."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotseat_serve.adapters import api_gateway as events
from hotseat_serve.api.messages import JSON, Answer
from hotseat_serve.problems import Problem

ELB = {"elb": {"targetGroupArn": "arn:aws:elasticloadbalancing:eu-central-1:1:tg/x"}}
REST = {
    "resource": "/{proxy+}",
    "path": "/",
    "httpMethod": "POST",
    "headers": {"Host": "game"},
    "multiValueHeaders": {"Host": ["game"]},
    "requestContext": {"stage": "prod", "path": "/prod/"},
    "body": "{}",
    "isBase64Encoded": False,
}


def fits(answer, event):
    """Whether the front's own limit lets the answer pass."""
    try:
        events.parse_event(event, "r").fits(answer)
    except Problem:
        return False
    return True


@given(
    st.sampled_from(["a", '"', "\\", "ä", "中", "🙂", "\x00"]),
    st.integers(-40_000, 40_000),
    st.sampled_from([JSON, "application/octet-stream"]),
    st.sampled_from([(REST, 6_291_556),
                     ({**REST, "requestContext": ELB}, 1_000_000)]),
)  # fmt: skip
def test_what_passes_is_never_over_the_fronts_limit(letter, near, kind, front):
    """Measured as it is sent, escapes and base64 included; little is refused early."""
    event, limit = front
    data = letter.encode()
    each = len(json.dumps(letter)) - 2 if kind == JSON else len(data) * 4 / 3
    answer = Answer(200, data * int((limit + near) / each), {"content-type": kind})
    size = len(json.dumps(events.to_response(answer, event)))
    if fits(answer, event):
        assert size <= limit
    else:
        assert size > limit - 2_000


def test_a_direct_answer_is_measured_as_lambda_sends_it():
    """The runtime client writes a space after every comma."""
    request = events.parse_direct_invocation({"input": 1}, "r")
    request.fits(Answer(200, b"[" + b"1," * 2_000_000 + b"1]"))
    with pytest.raises(Problem, match="6,291,556"):
        request.fits(Answer(200, b"[" + b"1," * 2_200_000 + b"1]"))
