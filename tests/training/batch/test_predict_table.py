"""`hotseat predict --input players.csv --output scored.csv`, offline and by HTTP."""

import csv
import json
import socket
import threading
from contextlib import contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from hotseat import _cli
from hotseat_registry import LIVE, Reference, Signature, open_registry
from hotseat_serve.adapters.asgi import Application
from hotseat_serve.adapters.bounded_server import Limits, Server
from hotseat_serve.api.router import Router
from hotseat_serve.runtime.model_cache import ModelCache
from hotseat_serve.settings import Settings
from hotseat_train.batch import score
from hotseat_train.batch.predictors import RefusedError, of_run, outcomes
from hotseat_train.data import table_files
from hotseat_train.errors import DatasetError
from hotseat_train.pipeline.evaluate import evaluate, write
from hotseat_train.pipeline.publish import publish
from hotseat_train.pipeline.train import train
from hotseat_train.run import Run
from hotseat_train.testing import own_table, players


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with players.csv, an evaluated run and a registry with its version."""
    folder = tmp_path_factory.mktemp("batch")
    task, _ = own_table(folder, players(600), id="player_id")
    run = train(task, task.plan("adam"), folder / "run")
    write(run, evaluate(run))
    registry = open_registry(f"file://{folder}/registry")
    publish(run, registry, by="ada")
    registry.promote(Reference("players", version=1), alias=LIVE, by="ada")
    return folder


def _predict(*words):
    return _cli.main(["predict", *map(str, words)])


@contextmanager
def serving(router):
    """Serve on a free port of loopback; yields the URL."""
    server = Server(Application(router), Limits())
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(10)
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


def test_every_format_has_the_same_answers_in_the_same_order(folder, tmp_path, capsys):
    """The input's columns come first, as they were; the ids keep their rows."""
    source = folder / "players.csv"
    with source.open(encoding="utf-8") as file:
        before = list(csv.DictReader(file))
    names = ("scored.csv", "scored.parquet", "scored.jsonl", "scored.feather",
             "scored.csv.gz", "scored.tsv")  # fmt: skip
    for name in names:
        output = tmp_path / name
        assert _predict("--run", folder / "run", "--input", source,
                        "--output", output) == 0  # fmt: skip
        assert sorted(path.name for path in tmp_path.iterdir()) == [name]
        (batch,) = table_files.batches(output, 10_000)
        assert batch.schema.names == [
            *before[0], "label", "probability", "probability_no", "probability_yes",
            "error",
        ]  # fmt: skip
        rows = batch.to_pylist()
        assert [str(row["player_id"]) for row in rows] == [
            row["player_id"] for row in before
        ]
        labels = [row["label"] for row in rows]
        right = sum(a == b["churned"] for a, b in zip(labels, before, strict=True))
        assert right > 0.75 * len(before)
        for row in rows:
            sides = float(row["probability_no"]), float(row["probability_yes"])
            assert float(row["probability"]) == max(sides)
            assert sum(sides) == pytest.approx(1, abs=1e-6)
        output.unlink()
    assert "600 of 600 rows answered" in capsys.readouterr().out


def test_a_service_gives_the_same_answers_as_this_machine(folder, tmp_path):
    """Also for a row that it refuses, which costs no other row its answer."""
    lines = (folder / "players.csv").read_text("utf-8").splitlines()
    cells = lines[3].split(",")
    lines[3] = ",".join([cells[0], "lots", *cells[2:]])
    source = tmp_path / "bad.csv"
    source.write_text("\n".join(lines), "utf-8")
    uri = f"file://{folder}/registry"
    settings = Settings(registry=uri, cache=str(tmp_path / "cache"), log=False)
    router = Router(ModelCache(open_registry(uri), settings), settings)
    outputs = [tmp_path / "here.parquet", tmp_path / "there.parquet"]
    common = ("--model", "players", "--input", source, "--output")
    assert _predict(*common, outputs[0], "--offline", "--registry", uri) == 1
    with serving(router) as url:
        assert _predict(*common, outputs[1], "--url", url) == 1
        assert _predict(*common, outputs[1], "--url", url, "--max-errors", 1) == 0
    here, there = map(parquet.read_table, outputs)
    assert here.equals(there)
    errors = here.column("error").to_pylist()
    assert errors[2] == "expected a number at /hours, got a string"
    assert errors.count(None) == len(errors) - 1
    assert here.column("label")[2].as_py() is None


def test_an_interrupted_run_continues_behind_its_last_part(folder, tmp_path):
    """It asks for no row twice, and the output is that of an uninterrupted run."""
    job = score.Job(folder / "players.csv", "classification")
    predictor = of_run(Run(folder / "run"))
    whole, parted = tmp_path / "whole.csv", tmp_path / "parted.csv"
    score.to_file(job, predictor, whole, part=100)

    class Interrupted:
        signature, version, most_rows = predictor.signature, predictor.version, 100
        asked = 0

        def __init__(self, stop):
            self.stop = stop

        def __call__(self, inputs):
            if self.asked == self.stop:
                raise KeyboardInterrupt
            self.asked += 1
            return predictor(inputs)

    with pytest.raises(KeyboardInterrupt):
        score.to_file(job, Interrupted(3), parted, part=100)
    assert not parted.exists()
    again = Interrupted(100)
    summary = score.to_file(job, again, parted, part=100)
    assert (again.asked, summary.resumed, summary.rows) == (3, 300, 600)
    assert parted.read_bytes() == whole.read_bytes()


def test_a_changed_input_begins_anew(folder, tmp_path):
    """Parts of another table must not become part of this one's output."""
    source, output = tmp_path / "p.csv", tmp_path / "scored.csv"
    data = (folder / "players.csv").read_bytes()
    source.write_bytes(data)
    predictor = of_run(Run(folder / "run"))
    job = score.Job(source, "classification")
    parts = score.Parts(output)
    assert parts.begin(score._state(job, predictor, 100)) == 0
    (batch,) = score.stream(job, predictor, rows_at_once=1000)
    parts.write(0, batch)
    assert parts.begin(score._state(job, predictor, 100)) == 1
    source.write_bytes(data + b"9999,1,2,de,true,no\n")
    assert parts.begin(score._state(job, predictor, 100)) == 0


@pytest.mark.parametrize(
    ("header", "words", "expected"),
    [
        ("a,b", (), "lacks 'hours', 'country', 'level'|lacks"),
        ("hours,level,country,vip,label", (), "--prefix"),
    ],
)
def test_what_cannot_be_scored_says_why(
    header, words, expected, folder, tmp_path, capsys
):
    """Nothing is written."""
    source = tmp_path / "t.csv"
    source.write_text(header + "\n" + ",".join("1" * len(header.split(","))) + "\n")
    output = tmp_path / "out.csv"
    assert _predict("--run", folder / "run", "--input", source, "--output", output,
                    *words) == 1  # fmt: skip
    assert expected.split("|")[-1] in capsys.readouterr().err
    assert not output.exists()


def test_a_table_without_output_goes_to_a_pipe(folder, capsysbinary):
    """Notes go to stderr, so that the rows can be piped."""
    assert _predict("--run", folder / "run", "--input", folder / "players.csv") == 0
    out, err = capsysbinary.readouterr()
    assert out.count(b"\n") == 601
    assert b"kept, and not read by the model: player_id, churned" in err


class Picky:
    """Refuses calls with an odd number in them; a rule, not a model."""

    signature = Signature((), ())
    version = "picky@1"
    most_rows = 7

    def __call__(self, inputs):
        if any(number % 2 for number in inputs):
            raise RefusedError("odd")
        return [{"label": str(number)} for number in inputs]


@given(st.lists(st.integers(0, 9), max_size=40))
def test_a_refused_row_costs_no_other_row(numbers):
    """Whatever rows are refused, each row has its own outcome, in order."""
    found = outcomes(Picky(), numbers)
    assert [item.error or item.answer["label"] for item in found] == [
        "odd" if number % 2 else str(number) for number in numbers
    ]


@given(st.lists(st.integers(0, 30), max_size=8), st.integers(1, 20))
def test_batches_have_one_size_whatever_arrives(sizes, rows):
    """All rows, in order, in batches of `rows` but the last."""
    import pyarrow as pa

    numbers, arriving = iter(range(10**6)), []
    for size in sizes:
        values = [next(numbers) for _ in range(size)]
        arriving.append(pa.record_batch([pa.array(values, pa.int64())], ["x"]))
    found = list(table_files._sized(arriving, rows))
    assert all(len(batch) == rows for batch in found[:-1])
    assert all(0 < len(batch) <= rows for batch in found)
    cells = [cell for batch in found for cell in batch.column("x").to_pylist()]
    assert cells == list(range(sum(sizes)))


def test_what_is_no_table_is_refused(tmp_path, folder):
    """A missing file, a broken one, one with a row too long, an output of no format."""
    with pytest.raises(DatasetError, match="no such file"):
        list(table_files.batches(tmp_path / "none.csv", 10))
    path = tmp_path / "broken.parquet"
    path.write_bytes(b"PAR1 and nothing else")
    with pytest.raises(DatasetError, match="no Parquet file"):
        list(table_files.batches(path, 10))
    ragged = tmp_path / "ragged.csv"
    ragged.write_text("hours,level\n1,2\n3,4,5\n")
    with pytest.raises(DatasetError, match=r"row 3 \(line 3\): 3 values"):
        list(table_files.batches(ragged, 10))
    job = score.Job(folder / "players.csv", "classification")
    with pytest.raises(DatasetError, match=r"ends in \.csv"):
        score.to_file(job, of_run(Run(folder / "run")), tmp_path / "scored.xlsx")


def test_a_run_is_measured_on_rows_of_a_later_month(folder, tmp_path, capsys):
    """Nothing in the run changes; rows without a known label are named."""
    later = [row | {"player_id": 9_000 + at} for at, row in
             enumerate(players(400, seed=7))]  # fmt: skip
    later[0]["churned"], later[1]["churned"] = "", "maybe"
    own_table(tmp_path, later)
    run = folder / "run"
    before = {path.name: path.read_bytes() for path in run.iterdir()}
    assert _cli.main(["evaluate", str(run), "--data", str(tmp_path / "players.csv"),
                      "--json"]) == 0  # fmt: skip
    out, err = capsys.readouterr()
    (metrics,) = json.loads(out).values()
    assert metrics["rows"] == 398
    assert metrics["roc_auc"] > 0.75
    assert "1 rows have no churned" in err
    assert "training never saw, and are left out: 'maybe' (1)" in err
    assert {path.name: path.read_bytes() for path in run.iterdir()} == before


def test_a_table_without_labels_is_named(folder, tmp_path, capsys):
    """With the command that needs none."""
    path = tmp_path / "t.csv"
    path.write_text("hours,level\n1,2\n")
    assert _cli.main(["evaluate", str(folder / "run"), "--data", str(path)]) == 1
    assert "no column 'churned' of labels" in capsys.readouterr().err


def test_a_run_of_numbers_is_measured_by_their_loss(tmp_path, capsys):
    """On the training's rows again it is about as good as its own evaluation says."""
    rows = [row | {"spent": round(3 * row["level"] + at % 7, 2)} for at, row in
            enumerate(players(400))]  # fmt: skip
    path = tmp_path / "players.csv"
    own_table(tmp_path, rows)
    words = ["train", "--data", path, "--target", "spent", "--objective", "number",
             "--family", "trees", "--run", tmp_path / "run"]  # fmt: skip
    assert _cli.main([*map(str, words)]) == 0
    capsys.readouterr()
    assert _cli.main(["evaluate", str(tmp_path / "run"), "--data", str(path)]) == 0
    assert "quality (95 %)" in capsys.readouterr().out
    assert _cli.main(["evaluate", str(tmp_path / "run"), "--data", str(path),
                      "--json"]) == 0  # fmt: skip
    (metrics, *_) = json.loads(capsys.readouterr().out).values()
    assert metrics["rows"] == 400
    assert metrics["quality"] > 0.8
    assert abs(metrics["mean_difference"]) < metrics["mean_absolute_error"]
