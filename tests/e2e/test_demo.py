"""The whole way, in an empty folder."""

from hotseat._cli.demo import Demo


def test_a_row_reaches_the_game_and_a_roll_back_too(tmp_path):
    """Train, publish, serve, predict, promote, roll back: each version answers."""
    lines = []
    options = ("--rows", "4000", "--max-epochs", "3")
    Demo(tmp_path, lines.append, options).run()
    assert any("after the promote" in x and "sentiment@2" in x for x in lines)
    assert any("after the roll back" in x and "sentiment@1" in x for x in lines)
