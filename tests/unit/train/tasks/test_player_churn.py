"""The files of player churn."""

import pyarrow as pa
import pyarrow.parquet as pq

from hotseat_train.data.download import Source
from hotseat_train.tasks import player_churn


def test_churn_takes_the_whole_file_and_the_part_of_it(tmp_path, monkeypatch):
    """The same players are learned from; those left apart are never read."""
    months = player_churn._MONTHS
    rows = [
        {
            "char": n, "race": "Orc", "charclass": "Mage", "start_month": 1,
            "start_level": n % 60, **{month: (n * at) % 7 for at, month in
                                      enumerate(months, 1)},
        }
        for n in range(1, 400)
    ]  # fmt: skip
    found = []
    for name, kept in (
        ("whole", rows),
        ("part", [row for row in rows if row["char"] % 5]),
    ):
        path = tmp_path / f"{name}.parquet"
        pq.write_table(pa.Table.from_pylist(kept), path)
        monkeypatch.setattr(Source, "path", lambda _source, path=path: path)
        found.append(player_churn.TASK.dataset())
    assert found[0] == found[1]
    keys = {key for part in (found[0].train, found[0].test) for key in part.keys}
    assert not [key for key in keys if int(key.removeprefix("player ")) % 5 == 0]


def test_churns_digest_is_that_of_its_address():
    """A copy of the part that is learned from is taken as well."""
    assert player_churn._PLAYERS.sha256.startswith("7ad42274e757")
    assert len(player_churn._PLAYERS.also) == 1
