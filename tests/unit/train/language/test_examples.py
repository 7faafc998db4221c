import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotseat_train.errors import DatasetError
from hotseat_train.language.examples import Example, read, split


def _rows(count: int) -> list[Example]:
    return [
        Example(f"item {at}", f"{at} a {at + 1} b {at + 2} c {at + 3} d")
        for at in range(0, count * 7, 7)
    ]


def test_a_file_of_json_lines(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text(json.dumps({"request": "axe", "answer": "Sharp."}) + "\n\n")
    assert read(file) == [Example("axe", "Sharp.")]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{", "line 2: expected"),
        ('{"request": "a"}', "line 2: expected"),
        ('["a", "b"]', "line 2: expected"),
        ('{"request": 1, "answer": "b"}', "line 2: request and answer are texts"),
        ('{"request": "a", "answer": " "}', "line 2: the answer is empty"),
    ],
)
def test_a_line_that_is_no_example_is_named(
    tmp_path: Path, line: str, words: str
) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text('{"request": "a", "answer": "b"}\n' + line)
    with pytest.raises(DatasetError, match=words):
        read(file)


def test_an_empty_file(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text("\n")
    with pytest.raises(DatasetError, match="no example"):
        read(file)


def test_answers_in_nearly_the_same_words_are_in_one_part() -> None:
    base = "a heavy iron sword with a worn leather grip and a chipped edge"
    alike = [Example(f"sword {at}", f"{base}, number {at}") for at in range(40)]
    parts = split([*_rows(200), *alike])
    holding = [
        part
        for part in (parts.training, parts.validation, parts.test)
        if any(each.answer.startswith(base) for each in part)
    ]
    assert len(holding) == 1


def test_answers_to_one_request_are_in_one_part() -> None:
    same = [Example("who are you", f"x{at} y{at} z{at} w{at}") for at in range(30)]
    parts = split([*_rows(200), *same])
    assert (
        sum(
            any(each.request == "who are you" for each in part)
            for part in (parts.training, parts.validation, parts.test)
        )
        == 1
    )


def test_too_few() -> None:
    with pytest.raises(DatasetError, match="too few"):
        split(_rows(3))


@given(st.permutations(_rows(100)))
def test_the_order_of_the_file_does_not_matter(rows: list[Example]) -> None:
    parts, ordered = split(rows), split(_rows(100))
    assert set(parts.training) == set(ordered.training)
    assert set(parts.test) == set(ordered.test)
    assert len(parts.training) + len(parts.validation) + len(parts.test) == len(rows)
