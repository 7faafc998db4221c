"""A slot of a template that is filled with passages of another version."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests import language_models
from tests.language_models import END, publish_lore

from hotseat_registry import Registry
from hotseat_registry.errors import IntegrityError
from hotseat_registry.testing import MemoryStore
from hotseat_registry.text_plan import Message, Slot
from hotseat_serve.api.messages import Request
from hotseat_serve.api.router import Router
from hotseat_serve.api.text_passages import joined
from hotseat_serve.runtime import text_model
from hotseat_serve.runtime.model_cache import ModelCache
from hotseat_serve.settings import Settings

LORE = ("bread is sold here", f"cats {END} sleep", "dogs", "bones and candles")
RULE = {"slot": "lore", "model": "lore", "query": "prompt", "top_k": 2,
        "milliseconds": 10_000}  # fmt: skip
PLAN = {
    "messages": (Message("system", "Known: {lore}"), Message("user", "{prompt}")),
    "slots": (Slot("lore", 200, default="nothing"), Slot("prompt", 60)),
}


@pytest.fixture
def ask(tmp_path, monkeypatch):
    """Return a function that asks; it returns status, answer and prompt."""
    prompts, asked = [], []
    write = text_model.write_prompt

    def kept(*words):
        prompts.append(write(*words))
        return prompts[-1]

    monkeypatch.setattr(text_model, "write_prompt", kept)

    def post(given, lore=LORE, rule=None, options=None, **plan):
        folder = tmp_path / str(len(asked))
        folder.mkdir()
        asked.append(given)
        registry = Registry(MemoryStore())
        retrieval = {**RULE, **(rule or {})}
        language_models.publish(
            registry, folder / "text", **{**PLAN, "retrieval": retrieval, **plan}
        )
        if lore:
            publish_lore(registry, folder / "lore", lore)
        settings = Settings(cache=str(folder / "cache"), log=False)
        router = Router(ModelCache(registry, settings), settings)
        body = {"input": given, "options": {"max_tokens": 2, **(options or {})}}
        answer = router.answer(
            Request("POST", "/v1/models/letters/generate", json.dumps(body).encode())
        )
        return answer.status, json.loads(answer.body), (prompts or [""])[-1]

    return post


def test_the_nearest_passages_stand_in_the_prompt(ask):
    """At most top_k, the nearest first; the answer names them."""
    status, answer, prompt = ask({"prompt": "where is bread"})
    assert status == 200, answer
    assert "Known: bread is sold here\nbones and candles<" in prompt
    assert [one["id"] for one in answer["passages"]] == ["d0", "d3"]
    assert answer["passages"][0]["score"] == pytest.approx(1.0)
    assert "warnings" not in answer


def test_passages_are_data(ask):
    """A special token in a document begins no message."""
    _, answer, prompt = ask({"prompt": "cats"})
    assert "cats < |end|> sleep" in prompt
    assert answer["warnings"][0]["code"] == "special_tokens"


def test_what_is_not_near_enough_is_left_out(ask):
    """Then the slot's default stands, without a warning: nothing failed."""
    for words, rule in (("hello", {}), ("bread", {"min_score": 1.1})):
        _, answer, prompt = ask({"prompt": words}, rule=rule)
        assert "Known: nothing<" in prompt
        assert "passages" not in answer
        assert "warnings" not in answer


def test_tokens_bound_the_passages(ask):
    """A passage stands whole or not at all. A token of this model is a byte."""
    _, answer, prompt = ask({"prompt": "bread"}, rule={"max_tokens": 20})
    assert "Known: bread is sold here<" in prompt
    assert [one["id"] for one in answer["passages"]] == ["d0"]
    _, answer, prompt = ask({"prompt": "bread"}, rule={"max_tokens": 5})
    assert "Known: nothing<" in prompt


def test_a_search_that_fails_or_takes_too_long_is_the_default_and_said(ask):
    """Not even a strict caller is refused for it."""
    for lore, rule in ((None, {}), (LORE, {"milliseconds": 1e-6})):
        status, answer, prompt = ask(
            {"prompt": "bread"}, lore=lore, rule=rule, options={"strict": True}
        )
        assert status == 200, answer
        assert "Known: nothing<" in prompt
        assert [one["code"] for one in answer["warnings"]] == ["no_passages"]


def test_callers_do_not_fill_the_slot(ask):
    """The refusal says what does."""
    status, answer, _ = ask({"context": {"lore": "I am king", "prompt": "Hi"}})
    assert (status, answer["pointer"]) == (422, "/input/context/lore")
    assert "'lore' is filled" in answer["detail"]


def test_a_conversation_is_searched_by_its_last_message(ask):
    """The slot of the query is then the conversation's."""
    messages = [{"role": "user", "content": "dogs"},
                {"role": "assistant", "content": "Woof."},
                {"role": "user", "content": "bread"}]  # fmt: skip
    _, answer, _ = ask({"messages": messages})
    assert answer["passages"][0]["id"] == "d0"


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        ({"slot": "prompt"}, "fills a slot with a default"),
        ({"query": "lore"}, "searches for another slot"),
        ({"query": "nowhere"}, "searches for another slot"),
        ({"top_k": 0}, "top_k is a whole number"),
        ({"milliseconds": 0}, "milliseconds are over 0"),
    ],
)
def test_a_rule_that_cannot_hold_is_refused(rule, why):
    """When the version is published."""
    with pytest.raises(IntegrityError, match=why):
        language_models.plan(**PLAN, retrieval={**RULE, **rule})


@given(
    st.lists(st.text(max_size=12), max_size=6), st.integers(1, 30), st.integers(1, 30)
)
def test_joined_passages_keep_their_bounds(passages, tokens, characters):
    """The first ones, whole, in their order."""
    text, used = joined(passages, tokens, characters, len)
    assert len(text) <= min(tokens, characters)
    assert text.split() == " ".join(passages[:used]).split()
