"""The notebook runs, cell by cell, in a kernel of its own."""

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest

NOTEBOOK = Path(__file__).parents[2] / "examples/notebook/own_table.ipynb"


def test_the_notebook_is_stored_without_outputs():
    """Outputs of somebody's machine are no documentation, and make diffs unreadable."""
    cells = json.loads(NOTEBOOK.read_text("utf-8"))["cells"]
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in cells)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_every_cell_of_the_notebook_runs(tmp_path, monkeypatch):
    """From a generated table to a published version."""
    nbclient, nbformat = map(pytest.importorskip, ("nbclient", "nbformat"))
    pytest.importorskip("ipykernel")
    # the kernel of this environment, whatever kernels are installed for the user
    specs = tmp_path / "kernels/this"
    specs.mkdir(parents=True)
    argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec = {"argv": argv, "display_name": "this", "language": "python"}
    (specs / "kernel.json").write_text(json.dumps(spec))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    work = tmp_path / "work"
    work.mkdir()
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    client = nbclient.NotebookClient(
        notebook, timeout=200, kernel_name="this",
        resources={"metadata": {"path": str(work)}},
    )  # fmt: skip
    asyncio.run(client.async_execute())
    printed = "".join(
        output.get("text", "")
        for cell in notebook.cells
        for output in cell.get("outputs", ())
    )
    assert "players@1 fp32" in printed
    assert (work / "registry").is_dir()
