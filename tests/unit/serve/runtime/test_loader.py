"""How a version is opened: what was hashed is what runs."""

import pytest

from hotseat_registry import Reference
from hotseat_registry.errors import IntegrityError
from hotseat_serve.runtime import loader
from hotseat_serve.settings import Settings


@pytest.mark.parametrize("name", ["model.onnx", "golden.json"])
def test_a_file_that_changes_between_hash_and_opening_is_not_served(
    registry, publish, bundle, tmp_path, monkeypatch, name
):
    """Whoever swaps it in that moment gets nothing answered."""
    publish()
    _, evil = bundle(positive=0.8)
    settings = Settings(cache=str(tmp_path / "cache"))
    reference = Reference("mood", version=1)
    assert loader.load(registry, reference, settings)
    suffix = name.rpartition(".")[2]
    (path,) = (tmp_path / "cache").glob(f"??/*.{suffix}")
    good, opened = path.read_bytes(), loader.open_variant

    def swapped(*asked):
        path.write_bytes(evil[name].read_bytes())
        try:
            return opened(*asked)
        except IntegrityError:  # its golden rows notice, too: whatever it answers
            path.write_bytes(b"x" * len(good))
            raise

    monkeypatch.setattr(loader, "open_variant", swapped)
    with pytest.raises(IntegrityError):
        loader.load(registry, reference, settings)
    monkeypatch.setattr(loader, "open_variant", opened)
    assert loader.load(registry, reference, settings).predict(["good"])


def test_a_swap_that_answers_as_well_is_noticed(
    registry, publish, tmp_path, monkeypatch
):
    """Golden rows may come out right: the digest decides."""
    publish()
    settings = Settings(cache=str(tmp_path / "cache"))
    opened = loader.open_variant

    def swapped(manifest, variant, paths, *rest):
        made = opened(manifest, variant, paths, *rest)
        paths["graph"].write_bytes(paths["graph"].read_bytes() + b"\0")
        return made

    monkeypatch.setattr(loader, "open_variant", swapped)
    with pytest.raises(IntegrityError, match="changed while it was opened"):
        loader.load(registry, Reference("mood", version=1), settings)
