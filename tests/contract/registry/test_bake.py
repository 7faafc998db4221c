"""A version baked into an image's folder."""

import pytest

from hotseat_registry import Reference, Registry, layout, open_registry
from hotseat_registry.audit import audit
from hotseat_registry.bake import bake
from hotseat_registry.errors import ExistsError, IntegrityError, UntrustedError
from hotseat_registry.trust import Trust
from hotseat_serve.runtime.model_cache import ModelCache
from hotseat_serve.settings import Settings


def test_the_image_serves_the_version_under_its_own_number(registry, publish, tmp_path):
    """What was baked is whole, live, and named as in the registry it came from."""
    publish(), publish(positive=0.8)
    made = bake(registry, Reference("mood", version=2), tmp_path / "b", by="ada")
    image = open_registry(str(tmp_path / "b"))
    assert audit(image).damage == ()
    assert image.versions("mood") == [2]
    models = ModelCache(image, Settings(static=True, cache=str(tmp_path / "cache")))
    loaded = models.get(Reference("mood", alias="live"))
    assert loaded.manifest == made
    # opened where it lies: /tmp of a function has 512 MB, its image 10 GB
    assert not [f for f in (tmp_path / "cache").rglob("*") if f.is_file()]
    assert loaded.predict(["good"])[0]["probability"] == pytest.approx(0.8)


def test_a_damaged_file_of_an_image_is_not_opened(registry, publish, tmp_path):
    """Each file is hashed where it lies."""
    publish()
    bake(registry, Reference("mood", version=1), tmp_path / "b", by="ada")
    (tmp_path / "b/files/model.onnx").write_bytes(b"damaged")
    image = open_registry(str(tmp_path / "b"))
    models = ModelCache(image, Settings(static=True, cache=str(tmp_path / "cache")))
    with pytest.raises(IntegrityError, match="do not match their digest"):
        models.get(Reference("mood", alias="live"))


def test_an_image_takes_only_what_is_trusted(registry, publish, tmp_path, pair):
    """Where keys are trusted, an unsigned version is not baked."""
    publish()
    trusting = Registry(registry.store, trust=Trust.read(str(pair()[1])))
    with pytest.raises(UntrustedError):
        bake(trusting, Reference("mood", version=1), tmp_path / "b", by="ada")


def test_a_folder_that_holds_something_is_left_alone(registry, publish, tmp_path):
    """Two versions in one image would be a guess; the folder is named."""
    publish()
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "mine").touch()
    with pytest.raises(ExistsError, match="is not empty"):
        bake(registry, Reference("mood", version=1), tmp_path / "b", by="ada")


def test_a_signature_that_would_lie_elsewhere_is_not_baked(registry, publish, tmp_path):
    """A bucket's keys may hold two dots; what they name is not written."""
    publish()
    prefix = layout.signatures("mood", 1)
    registry.store.write(f"{prefix}../../../../evil.json", b"{}")
    with pytest.raises(IntegrityError, match="a signature cannot be read"):
        bake(registry, Reference("mood", version=1), tmp_path / "b", by="ada")
    assert not list(tmp_path.rglob("evil*"))
