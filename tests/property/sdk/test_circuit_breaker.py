"""The circuit breaker under any order of calls, failures and times."""

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from hotseat._circuit_breaker import CircuitBreaker


class Clock:
    """A clock that is moved by hand, also backwards."""

    now = 0.0

    def __call__(self):
        return self.now


class CircuitBreakerMachine(RuleBasedStateMachine):
    """Whatever happens, calls get through again, and an open circuit stays open."""

    def __init__(self):
        super().__init__()
        self.clock = Clock()
        self.breaker = CircuitBreaker(self.clock)
        self.failures = 0

    @rule()
    def succeed(self):
        if self.breaker.admit():
            self.breaker.succeeded()
            self.failures = 0

    @rule()
    def fail(self):
        before = self.breaker.opened_count
        if self.breaker.admit():
            self.breaker.failed()
            self.failures += 1
            if self.failures < 5:
                assert self.breaker.opened_count == before
            if self.failures == 5:
                assert self.breaker.opened_count == before + 1

    @rule()
    def leave(self):
        if self.breaker.admit():
            self.breaker.gave_up()

    @rule(seconds=st.floats(0, 40))
    def wait(self, seconds):
        self.clock.now += seconds

    @rule(seconds=st.floats(-1e6, 0))
    def jump_back(self, seconds):
        self.clock.now += seconds

    def teardown(self):
        """After the longest pause one call is let through, and success closes it."""
        self.clock.now += 31
        assert self.breaker.admit()
        self.breaker.succeeded()
        assert self.breaker.admit()


TestCircuitBreakerMachine = CircuitBreakerMachine.TestCase
