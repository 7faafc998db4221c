"""Secrets are found in any script, and game talk is left alone."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hotseat_serve.privacy import patterns, recognisers
from hotseat_serve.privacy.recognisers import find, mask

SECRETS = {
    "ada@example.org": "email", "用户@例子.公司": "email",
    "ada (at) example.org": "email",
    "+49 30 1234567": "phone", "138 1234 5678": "phone",
    "１３８１２３４５６７８": "phone",
    "010-12345678": "phone", "(555) 123-4567": "phone", "0033 1 23 45 67 89": "phone",
    "4111 1111 1111 1111": "card", "GB82 WEST 1234 5698 7654 32": "iban",
    "11010519491231002X": "id", "078-05-1120": "id",
    "550e8400-e29b-41d4-a716-446655440000": "id",
    "192.168.1.10": "ip", "fe80::1": "ip", "2001:db8::ff00:42:8329": "ip",
    "00:1B:44:11:3A:B7": "mac", "001b.4411.3ab7": "mac",
    "https://x.example/y?z=1": "url", "discord.gg/abc": "url", "www.example.org": "url",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIx.c2ln": "token", "Bearer abcdef123456": "token",
    "AKIA" + "IOSFODNN7EXAMPLE": "token", "d3b07384d113edec49eaa6238ad5ff00": "token",
    "password: hunter22": "secret", "密码：abc123": "secret",
    "api_key=abc123": "secret",
    "1BoatSLRHtKNngkdXEeobR76b53LETtpyT": "wallet",
    "-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----": "key",
    "١٣٨١٢٣٤٥٦٧٨": "number",
}  # fmt: skip
GAME_TALK = (
    "gg 2 min", "i have 100000 gold", "1v1 me at 12:30:45", "my pin is bad", "3.14159",
    "0.123456789012", "1.3812345678", "2.0123456789",
    "2024-11-28", "wait 10 000 points", "ratio 1:2:3", "x=5 y=7", "1200/1500 hp",
    "gg wp. good game", "pass me the key please", "这个地图很有意思", "lvl 99 +15 %",
    "unfortunately we lost that teamfight", "AAAAAAAAAAAAAAAAAAAAAAAAAAAA", "@everyone",
)  # fmt: skip


@pytest.mark.parametrize(("secret", "kind"), SECRETS.items())
def test_a_secret_is_its_kind(secret, kind):
    """By itself, between words, and in a text without spaces."""
    assert mask(secret) == f"[{kind}]"
    assert mask(f"so, {secret} ok") == f"so, [{kind}] ok"


@pytest.mark.parametrize("line", GAME_TALK)
def test_game_talk_is_left_alone(line):
    """Scores, times and long words look like no secret."""
    assert mask(line) == line


def test_numbers_with_wrong_check_digits_are_no_cards_and_no_ids():
    """A long number is still no free number."""
    assert mask("4111 1111 1111 1112") == "[number]"
    assert mask("110105194912310021") == "[number]"
    assert mask("300.1.1.1") == "300.1.1.1"


def test_a_very_long_text_is_masked_as_a_whole():
    """What is not looked at does not pass."""
    text = "a" * (recognisers.MAX_LENGTH + 1)
    assert mask(text) == "[long]"


@settings(deadline=None)
@given(st.text(max_size=60), st.sampled_from(sorted(SECRETS)), st.text(max_size=60))
def test_spans_are_in_order_and_inside(before, secret, after):
    """Whatever stands around; what is left of a masked text is of the text."""
    text = f"{before} {secret} {after}"
    ends = 0
    for start, end, kind in find(text):
        assert ends <= start < end <= len(text)
        assert kind in patterns.KINDS
        ends = end
    assert secret not in mask(text)


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_are_read_in_time(data):
    """No text makes a pattern run for long; mask raises nothing."""
    mask(data.decode("utf-8", "replace"))


@pytest.mark.parametrize(
    "unit", ["1 ", "a.", "a@", "1-", "1.1.1.", "a@b.co ", "ab@ab.ab", "(at)a.", "key:"]
)
def test_no_repeated_text_makes_a_pattern_slow(unit):
    """The longest text that is looked at takes some 40 ms at most; here seconds."""
    text = (unit * recognisers.MAX_LENGTH)[: recognisers.MAX_LENGTH]
    start = time.process_time()
    mask(text)
    assert time.process_time() - start < 4
