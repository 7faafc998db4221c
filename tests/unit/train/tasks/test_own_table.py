"""A studio's own table: schema inference, refusals and warnings."""

import pytest

from hotseat_train.errors import DatasetError
from hotseat_train.tasks.own_table import OwnTable, slug
from hotseat_train.testing import own_table as table
from hotseat_train.testing import players as rows


def changed(name, values, made=None):
    """Return rows with another column, row by row."""
    made = made or rows()
    return [{**row, name: values(at, row)} for at, row in enumerate(made)]


def test_the_signature_is_written_from_the_data(tmp_path):
    """Types, defaults and least values of each column; ids are left out."""
    made = changed("joined", lambda at, _row: f"2026-01-{at % 28 + 1:02d}")
    task, notes = table(tmp_path, made)
    signature = task.signature(task.dataset())
    fields = {f.name: f for item in signature.inputs for f in item.fields}
    assert set(fields) == {"hours", "level", "country", "vip", "joined", "now"}
    assert (fields["joined"].type, fields["joined"].default) == ("date", None)
    assert (fields["now"].type, fields["now"].default) == ("date", "now")
    assert {row["now"] for row in task.dataset().train.inputs} == {20481}
    assert signature.format == 3
    assert any("ages count to 2026-01-28, the newest date" in note for note in notes)
    assert fields["hours"].default is None  # training saw it missing
    assert 20 < fields["level"].default < 40
    assert (fields["vip"].minimum, fields["vip"].maximum) == (0, 1)
    assert (fields["country"].type, fields["country"].default) == ("category", "")
    hours = [row["hours"] for row in task.dataset().train.inputs]
    there = [value for value in hours if value is not None]
    low, high = fields["hours"].observed  # outwards, to three digits
    assert low <= min(there) < 1.01 * low
    assert high >= max(there) > 0.99 * high
    assert (fields["hours"].minimum, fields["hours"].maximum) == (None, None)
    assert {"de", "fr"} <= set(fields["country"].known)
    assert fields["country"].categories is None
    assert signature.non_finite
    assert signature.labels == ("no", "yes")
    assert any("'player_id' is left out" in note and "id" in note for note in notes)


def test_rows_of_one_player_stay_on_one_side(tmp_path):
    """With --id, no player is both learned from and tested."""
    made = changed("player_id", lambda at, _row: f"p{at % 90}")
    task, _ = table(tmp_path, made, id="player_id")
    dataset = task.dataset()
    sides = [set(s.keys) for s in (dataset.train, dataset.validation, dataset.test)]
    assert not sides[0] & sides[1]
    assert not (sides[0] | sides[1]) & sides[2]
    assert "player_id" not in dataset.train.inputs[0]


CASES = {
    "a target that is not there": (
        lambda: [{k: v for k, v in r.items() if k != "churned"} for r in rows()],
        r"no column 'churned'.*It has: player_id",
    ),
    "a target that never changes": (
        lambda: changed("churned", lambda *_: "no"), "is 'no' in every row"),
    "a target of a thousand": (
        lambda: changed("churned", lambda at, _row: f"v{at % 1000}", rows(2000)),
        "1000 different values, and at most 50",
    ),
    "a label that is rare": (
        lambda: changed("churned", lambda at, row: "maybe" if at < 3
                        else row["churned"]), "'maybe' stands on 3 of 300 rows"),
    "mixed types": (
        lambda: changed("level", lambda at, row: "high" if at == 6 else row["level"]),
        r"'level' is of mixed types: 299 of 300.*row 8 holds 'high'",
    ),
    "ten rows": (lambda: rows(10), "10 rows are too few"),
    "nothing to learn from": (
        lambda: [{"player_id": r["player_id"], "churned": r["churned"]}
                 for r in rows()], "no column is left to tell 'churned' from"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_a_table_that_cannot_be_learned_from_is_refused(case, tmp_path):
    """The error names the column, the count or the row that is wrong."""
    make, said = CASES[case]
    task, _ = table(tmp_path, make())
    with pytest.raises(DatasetError, match=said):
        task.dataset()


def test_a_column_that_knows_the_answer_is_warned_of(tmp_path):
    """One that alone tells the target is named; it is kept, for it may be honest."""
    made = changed("refunds", lambda _at, row: 3 if row["churned"] == "yes" else 0)
    task, notes = table(tmp_path, made)
    assert "refunds" in task.dataset().train.inputs[0]
    assert any("'refunds' alone tells churned" in note for note in notes)


def test_what_is_said_of_a_column_is_taken(tmp_path):
    """A type that is said overrides what was told; what cannot be said is refused."""
    said = ("level=category", "vip=out", "player_id=number")
    task, _ = table(tmp_path, rows(), types=said)
    row = task.dataset().train.inputs[0]
    assert isinstance(row["level"], str)
    assert "vip" not in row
    assert isinstance(row["player_id"], float)
    for wrong, why in (("level=word", "NAME=TYPE"), ("lvl=out", "no column 'lvl'")):
        task, _ = table(tmp_path, rows(), types=(wrong,))
        with pytest.raises(DatasetError, match=why):
            task.dataset()


def test_parquet_and_csv_say_the_same(tmp_path):
    """The same rows are the same data in both."""
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    made = [{**r, "hours": r["hours"] or None, "vip": r["vip"] == "true"}
            for r in rows()]  # fmt: skip
    parquet.write_table(pa.Table.from_pylist(made), tmp_path / "players.parquet")
    csv, _ = table(tmp_path, rows())
    other = OwnTable(path=tmp_path / "players.parquet", target="churned", name="x")
    assert len(csv.dataset().train) + len(csv.dataset().test) > 200
    assert csv.signature(csv.dataset()).labels == other.dataset().labels
    names = [f.name for i in other.signature(other.dataset()).inputs for f in i.fields]
    assert set(names) == {"hours", "level", "country", "vip"}
    assert slug(tmp_path / "My Players 2026.csv") == "my-players-2026"
