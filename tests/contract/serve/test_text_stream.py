"""A text through Lambda's Runtime API comes token by token, as it is written."""

import language_models
import text_stream

from hotseat_registry import open_registry


def test_the_first_token_comes_before_the_last_is_written(tmp_path):
    """The loop adds little to the time of the first token (benchmarks/text.py)."""
    registry = open_registry(f"file://{tmp_path}/registry")
    language_models.publish(registry, tmp_path / "letters")
    inside, through, more = text_stream.first_bytes(
        registry.store.uri, "letters", tmp_path, "Hello", rounds=5
    )
    assert inside > 0
    assert through > 0
    assert more < 150  # the aim is 15, on a machine of which others want nothing
