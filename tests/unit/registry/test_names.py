"""How versions are named."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotseat_registry.errors import BadNameError
from hotseat_registry.names import Reference, check_name, is_name

names = st.from_regex(
    r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,20}[A-Za-z0-9])?", fullmatch=True
).filter(lambda name: not re.match(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\.|$)", name))


@given(names, st.integers(1, 999_999_999))
def test_a_version_is_read_as_it_is_written(model, number):
    """`model@number` names that version, and prints as it was read."""
    reference = Reference.parse(f"{model}@{number}")
    assert reference == Reference(model, version=number)
    assert Reference.parse(str(reference)) == reference


@given(names, names.filter(lambda name: not name.isdigit()))
def test_an_alias_is_read_as_it_is_written(model, alias):
    """`model#alias` names that alias, and prints as it was read."""
    reference = Reference.parse(f"{model}#{alias}")
    assert reference == Reference(model, alias=alias)
    assert Reference.parse(str(reference)) == reference


def test_a_bare_model_is_its_live_version():
    """A model's name alone means what is live."""
    assert Reference.parse("mood") == Reference("mood", alias="live")
    assert Reference.of("mood") == Reference("mood", alias="live")


@pytest.mark.parametrize(
    "text",
    ["", "mo od", ".", "..", ".mood", "mood.", "_mood", "con", "Nul.x", "mood@0",
     "mood@01", "mood@-1", "mood@x", "mood@", "mood@1#live", "../mood", "mood/..",
     "mood#li ve", "m" * 65, "-mood", "mood@9999999999", "mood@²"],
)  # fmt: skip
def test_what_cannot_be_a_name_is_refused(text):
    """A name that could escape its key, or that nobody can type, is refused."""
    with pytest.raises(BadNameError):
        Reference.parse(text)


@given(names | st.text(max_size=70))
def test_what_is_a_name_is_told_without_an_error_too(text):
    """`is_name` and `check_name` agree."""
    try:
        check_name(text)
    except BadNameError:
        assert not is_name(text)
    else:
        assert is_name(text)


def test_a_number_names_no_alias():
    """It would be taken for the version of that number."""
    with pytest.raises(BadNameError, match="'3' cannot name an alias: it is a version"):
        Reference.parse("mood#3")
    assert Reference.of("mood", "3") == Reference("mood", version=3)
    assert check_name("2048") == "2048"
