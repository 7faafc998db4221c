"""English draughts by its rules: counts of positions as the literature has them."""

import pytest
from checkers.rules import GAME, LABELS, MOVES, PASS, State


def perft(state, depth):
    """Count the ways to play so many turns; a capture that goes on is one turn."""
    if depth == 0:
        return 1
    count = 0
    for action in GAME.legal(state):
        after = GAME.apply(state, action)
        if after.jumping >= 0:
            count += perft(GAME.apply(after, PASS), depth)
        else:
            count += perft(after, depth - 1)
    return count


@pytest.mark.parametrize(
    ("depth", "ways"), [(1, 7), (2, 49), (3, 302), (4, 1469), (5, 7361), (6, 36768)]
)
def test_positions_are_as_many_as_others_count(depth, ways):
    """Aart Bik's table of perft for English draughts."""
    assert perft(GAME.start(), depth) == ways


def board(black="", white="", kings="", mover=1, **more):
    """Return a board with pieces on these squares."""
    squares = [0] * 32
    for names, cell in ((black, 1), (white, 2)):
        for name in map(int, names.split()):
            squares[name - 1] = cell + 2 * (str(name) in kings.split())
    return {"squares": squares, "to_move": mover, **more}


def names(state):
    """Return the legal actions by their names."""
    return {LABELS[action] for action in GAME.legal(state)}


def act(state, name):
    return GAME.apply(state, LABELS.index(name))


def test_a_capture_is_forced_and_goes_on():
    """Two jumps are two turns with a pass between."""
    state = GAME.read(board(black="1 12", white="6 15 32"))
    assert names(state) == {"1x10"}
    state = act(state, "1x10")
    assert (names(state), state.jumping) == ({"pass"}, 9)
    assert GAME.read(GAME.board(state)) == state
    state = act(state, "pass")
    assert names(state) == {"10x19"}
    state = act(state, "10x19")
    assert state.jumping == -1
    assert state.white.bit_count() == 1


def test_a_man_becomes_a_king_and_its_turn_ends():
    """Even where the new king could capture on."""
    state = GAME.read(board(black="22", white="26 27 9"))
    state = act(state, "22x31")
    assert state.kings == 1 << 30
    assert state.jumping == -1
    assert "pass" not in names(state)


def test_whoever_cannot_move_has_lost():
    """Blocked or without a piece."""
    state = State(black=1 << 4, white=1 << 0, kings=0, mover=1)
    assert GAME.outcome(state) == -1.0
    assert GAME.outcome(State(1, 0, 0, mover=1)) == -1.0


def test_forty_quiet_moves_are_a_draw():
    """Kings alone do not play for ever."""
    state = GAME.read(board(black="1", white="32", kings="1 32", quiet=79))
    state = GAME.apply(state, GAME.legal(state)[0])
    assert GAME.outcome(state) == 0.0


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ([], "an object"),
        ({"squares": [0] * 31}, "32 cells"),
        ({"squares": [5] + [0] * 31}, "a cell is"),
        (board(black="1", white="32", mover=3), "to_move"),
        (board(black="29"), "is a king"),
        (board(black="1", jumping=9), "no piece"),
        (board(white="1", kings="1"), "over"),
    ],
)
def test_what_is_no_position_is_refused(given, words):
    """With what was expected."""
    with pytest.raises(ValueError, match=words):
        GAME.read(given)


def test_every_position_of_a_game_is_read_as_it_is_written():
    """Random games, to their end."""
    import random

    rng = random.Random(3)
    for _ in range(20):
        state = GAME.start()
        while GAME.outcome(state) is None:
            assert GAME.read(GAME.board(state)) == state
            assert GAME.encode(state).shape == GAME.shape
            state = GAME.apply(state, rng.choice(GAME.legal(state)))


def test_actions_have_names():
    """Steps and jumps in the usual notation, and to pass."""
    assert len(LABELS) == len(MOVES) + 1 == 171
    assert len(set(LABELS)) == 171
