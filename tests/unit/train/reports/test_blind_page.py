import base64
import re

from hotseat_train.reports.blind_page import Pair, blind_page

PAIRS = [Pair(f"item {at}", f"first {at}", f"second {at}") for at in range(40)]


def test_sides_are_shuffled_and_the_key_says_which_is_which() -> None:
    page = blind_page("Items", ("tuned", "untuned"), PAIRS)
    found = re.search(r'data-key="([^"]+)"', page)
    assert found is not None
    key = base64.b64decode(found[1]).decode()
    assert set(key) == {"a", "b"}
    left = re.findall(r'data-side="a">(first|second)', page)
    assert left == ["first" if side == "a" else "second" for side in key]


def test_what_a_model_wrote_stays_text() -> None:
    page = blind_page("<b>", ("</script>", "b"), [Pair("<i>", "<img src=x>", "&")])
    assert "<img" not in page
    assert "<i>" not in page
    assert page.count("</script>") == 1


def test_names_stand_only_in_the_script() -> None:
    page = blind_page("Items", ("tuned", "untuned"), PAIRS)
    assert page.count("untuned") == 1
