"""Which web pages may ask."""

import pytest

from hotseat_serve.api import cors
from hotseat_serve.api.messages import Request

GAME, STRANGER = "https://game.example", "https://stranger.example"


def asked(origin, method="POST", **more):
    """A request as a browser sends it."""
    return Request(method, "/model-service", b"{}", {"origin": origin, **more})


@pytest.mark.parametrize("allowed", ["", "https://other.example", f"{GAME}.evil"])
def test_a_page_that_is_not_listed_is_shown_nothing(allowed):
    """Off by default, and no origin passes for being the start of another."""
    varies = {"vary": "origin"} if allowed else {}
    assert cors.response_headers(asked(GAME), allowed) == varies
    ask = {"access-control-request-method": "POST"}
    assert cors.preflight(asked(GAME, "OPTIONS", **ask), allowed) is None


@pytest.mark.parametrize("allowed", [GAME, f"{STRANGER}, {GAME}"])
def test_a_listed_page_is_named_alone(allowed):
    """The answer names the asking page, and says that it differs by page."""
    shown = cors.response_headers(asked(GAME), allowed)
    assert shown["access-control-allow-origin"] == GAME
    assert shown["vary"] == "origin"
    assert "access-control-allow-credentials" not in shown


def test_any_page_may_be_allowed():
    """The star is for public services."""
    shown = cors.response_headers(asked(GAME), "*")
    assert shown["access-control-allow-origin"] == "*"


def test_a_preflight_is_answered_and_a_plain_options_is_not():
    """Only a browser that asks ahead gets its 204, with the SDK's headers."""
    ask = {"access-control-request-method": "POST"}
    answer = cors.preflight(asked(GAME, "OPTIONS", **ask), GAME)
    assert answer is not None
    assert (answer.status, answer.body) == (204, b"")
    allowed = answer.headers["access-control-allow-headers"]
    for name in ("content-type", "deadline-ms", "idempotency-key", "authorization"):
        assert name in allowed
    assert cors.preflight(asked(GAME, "OPTIONS"), GAME) is None
    assert cors.preflight(asked(GAME), GAME) is None


def test_a_caller_without_origin_gets_what_it_always_got():
    """Games outside of browsers notice nothing."""
    assert cors.response_headers(Request("POST", "/model-service"), "*") == {}
    assert cors.response_headers(Request("POST", "/model-service"), "") == {}


def test_where_pages_are_listed_every_answer_varies_by_them():
    """Else a cache gives a page what another caller received, without its name."""
    shown = cors.response_headers(Request("POST", "/model-service"), GAME)
    assert shown == {"vary": "origin"}
