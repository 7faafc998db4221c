"""The quick dataclasses behave as the standard library's."""

import copy
import dataclasses
import inspect
import pickle
import threading
from collections.abc import Mapping
from dataclasses import field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotseat_registry.dataclass import dataclass as quick

FROZEN = {"frozen": True, "slots": True}
FORMS = [FROZEN, {"slots": True}, {}, {"slots": True, "eq": False}]


def defined(dataclass, form):
    """Return a class with every kind of field, and one that inherits from it."""

    @dataclass(**form)
    class Base:
        """A base."""

        extra: Mapping[str, Any] = field(default_factory=dict, kw_only=True, repr=False)

    @dataclass(**form)
    class Item(Base):
        """An item."""

        name: str
        size: int = 3
        tags: list[str] = field(default_factory=list)
        note: str | None = field(default=None, compare=False)
        later: list[int] = field(init=False, default_factory=list)

        def __post_init__(self):
            object.__setattr__(self, "name", self.name.strip())

    return Item


PAIRS = [(defined(quick, form), defined(dataclasses.dataclass, form)) for form in FORMS]
for number, (ours, _) in enumerate(PAIRS):  # where pickle finds them
    ours.__qualname__ = ours.__name__ = f"Item{number}"
    globals()[ours.__name__] = ours


def outcome(call):
    """Return what a call returns, or the kind of its error."""
    try:
        return call()
    except (TypeError, AttributeError) as error:
        return type(error)


GIVEN = st.tuples(
    st.lists(st.sampled_from(["a", " b ", "c"]), max_size=5),
    st.dictionaries(
        st.sampled_from(["name", "size", "tags", "note", "extra", "later", "other"]),
        st.sampled_from(["x", 1, None]),
        max_size=3,
    ),
)


@pytest.mark.parametrize("pair", PAIRS)
@given(st.data())
def test_the_same_calls_make_the_same_objects(pair, data):
    """By position and by name, too many, too few and unknown ones."""
    one, two = data.draw(GIVEN), data.draw(GIVEN)
    ours, theirs = (
        [outcome(lambda c=cls, g=g: c(*g[0], **g[1])) for g in (one, two)]
        for cls in pair
    )
    for a, b in zip(ours, theirs, strict=True):
        if isinstance(b, type):
            assert a is b
            continue
        assert dataclasses.asdict(a) == dataclasses.asdict(b)
        assert repr(a).partition("(")[2] == repr(b).partition("(")[2]
        assert outcome(lambda a=a: hash(a)) is TypeError or isinstance(hash(b), int)
    if not any(isinstance(item, type) for item in (*ours, *theirs)):
        assert (ours[0] == ours[1]) == (theirs[0] == theirs[1])
        assert (ours[0] == theirs[0]) is False


@pytest.mark.parametrize("pair", PAIRS)
def test_objects_are_copied_replaced_and_pickled(pair):
    """With all fields, also of frozen ones with slots."""
    item = pair[0]("a", tags=["x"], extra={"k": 1}, note="n")
    for other in (
        copy.copy(item), copy.deepcopy(item), pickle.loads(pickle.dumps(item)),
    ):  # fmt: skip
        assert type(other) is type(item)
        assert dataclasses.asdict(other) == dataclasses.asdict(item)
    assert dataclasses.replace(item, size=4).size == 4
    assert [f.name for f in dataclasses.fields(item)] == [
        f.name for f in dataclasses.fields(pair[1])
    ]
    assert pair[0].__match_args__ == pair[1].__match_args__
    assert hasattr(item, "__dict__") == hasattr(pair[1]("a"), "__dict__")


def test_a_frozen_object_is_not_changed():
    """Neither a field nor anything else, and equal ones have one hash."""
    item = PAIRS[0][0]("a", tags=(), extra=(), size=2)
    for change in (
        lambda: setattr(item, "size", 1),
        lambda: setattr(item, "other", 1),
        lambda: delattr(item, "size"),
    ):
        with pytest.raises(dataclasses.FrozenInstanceError):
            change()

    @quick(frozen=True, slots=True)
    class Plain:
        """Can be hashed."""

        a: int
        b: str = "b"

    assert hash(Plain(1)) == hash(Plain(1, "b"))
    assert len({Plain(1), Plain(1), Plain(2)}) == 2
    with pytest.raises(TypeError, match=r"Plain\.__init__\(\) missing 1 .*'a'"):
        Plain()
    assert list(inspect.signature(Plain).parameters) == ["a", "b"]  # after its use


def test_own_methods_stay():
    """A class may write its own, as with the standard library."""

    @quick(frozen=True, slots=True)
    class Own:
        """Shows and hashes itself."""

        a: int

        def __repr__(self) -> str:
            return "own"

        def __hash__(self) -> int:
            return 7

    assert (repr(Own(1)), hash(Own(1)), Own(1) == Own(1)) == ("own", 7, True)


def test_threads_may_use_a_class_first_at_once():
    """Whoever comes first compiles, and the others get as good an object."""
    start = threading.Barrier(8)
    found = []

    @quick(frozen=True, slots=True)
    class Fresh:
        """Nobody has used it."""

        a: int

    def use(number):
        start.wait(20)
        found.append(Fresh(number).a)

    threads = [threading.Thread(target=use, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == list(range(8))


def test_frozen_without_slots_is_refused():
    """It would need another way to set fields, for no class here."""
    with pytest.raises(TypeError, match="slots=True"):
        quick(frozen=True)
