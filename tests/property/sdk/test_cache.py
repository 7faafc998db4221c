"""The answer cache under any order of putting, getting and waiting."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from hotseat._cache import ResponseCache
from hotseat._inference_request import inference_request
from hotseat._types import Prediction


class Clock:
    """A clock to move by hand."""

    now = 100.0

    def __call__(self):
        return self.now


class Machine(RuleBasedStateMachine):
    """Any order of putting, getting and waiting, against a plain model of the rules."""

    def __init__(self):
        super().__init__()
        self.clock = Clock()
        self.cache = ResponseCache(5.0, self.clock, limit=4)
        self.put_at = {}
        self.newest = None

    asked = inference_request("predict", "chat", None)

    @rule(given=st.sampled_from("abcdefgh"), version=st.sampled_from([1, 1, 1, 2]))
    def put(self, given, version):
        self.cache.put(self.asked, given.encode(), Prediction(given, version=version))
        self.put_at[given] = (self.clock.now, version)
        self.newest = version

    @rule(seconds=st.sampled_from([0.5, 2.0, 6.0, -1.0]))
    def wait(self, seconds):
        self.clock.now += seconds

    @rule(given=st.sampled_from("abcdefgh"))
    def get(self, given):
        found = self.cache.get(self.asked, given.encode())
        if found is None:
            return
        at, version = self.put_at[given]
        assert found.label == given
        assert 0 <= self.clock.now - at < 5.0
        assert found.version == version == self.newest

    @invariant()
    def bounded(self):
        assert len(self.cache._entries) <= 4


TestMachine = Machine.TestCase
TestMachine.settings = settings(max_examples=60, deadline=None)
