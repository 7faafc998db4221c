"""Behaviour tests of chat moderation, by category and language."""

from hotseat_train.tasks.chat_behaviour.cases import SUITE, cases

__all__ = ["SUITE", "cases"]
