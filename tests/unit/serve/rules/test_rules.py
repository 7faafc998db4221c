"""The rules of games: what is legal, who won, what can be solved."""

from importlib.metadata import entry_points

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hotseat_registry.errors import IntegrityError
from hotseat_serve import rules
from hotseat_serve.rules import platformer, sokoban
from hotseat_serve.rules.game import two_ply_search
from hotseat_serve.rules.search import Search, search

FOUR = rules.game("connect-four")
EASY = ("#######", "#     #", "# @$. #", "#     #", "#######")
moves = st.lists(st.integers(0, 6), max_size=42)


def played(columns):
    """The state after those columns, as far as they are legal and the game goes on."""
    state = FOUR.start()
    for column in columns:
        if FOUR.outcome(state) is not None:
            break
        if column in FOUR.legal(state):
            state = FOUR.apply(state, column)
    return state


def lines(board):
    """Who has four in a line on a board, found cell by cell."""
    grid = np.array(board)
    winners = set()
    for row in range(6):
        for column in range(7):
            for down, right in ((0, 1), (1, 0), (1, 1), (1, -1)):
                cells = [(row + i * down, column + i * right) for i in range(4)]
                if all(r < 6 and 0 <= c < 7 for r, c in cells):
                    found = {int(grid[r, c]) for r, c in cells}
                    if len(found) == 1:
                        winners |= found - {0}
    return winners


@given(moves)
def test_bitboards_agree_with_a_look_at_the_board(columns):
    """Lines, stones and legal columns are those that a person sees."""
    state = played(columns)
    board = FOUR.board(state)
    stones = int(np.count_nonzero(board))
    mover = stones % 2 + 1
    assert (FOUR.outcome(state) == -1.0) == bool(lines(board))
    assert lines(board) <= {3 - mover}
    assert FOUR.legal(state) == tuple(c for c in range(7) if not board[0][c])
    planes = FOUR.encode(state)
    np.testing.assert_array_equal(planes[0], np.array(board) == mover)
    np.testing.assert_array_equal(planes[1], np.array(board) == 3 - mover)


@given(moves)
def test_a_board_is_read_as_it_is_written(columns):
    """Any position that goes on survives its JSON."""
    state = played(columns)
    if FOUR.outcome(state) is None:
        assert FOUR.read(FOUR.board(state)) == state


@pytest.mark.parametrize(
    ("board", "says"),
    [
        ("x", "a list of 6 rows"),
        ([[0] * 7] * 5, "a list of 6 rows"),
        ([[0] * 6] * 6, "a list of 7 cells"),
        ([[0] * 7] * 5 + [[3] + [0] * 6], "a cell is 0"),
        ([[0] * 7] * 5 + [[True] + [0] * 6], "a cell is 0"),
        ([[0] * 7] * 5 + [[1, 1] + [0] * 5], "cannot be 2 stones ahead"),
        ([[0] * 7] * 4 + [[1] + [0] * 6, [0] * 7], "floats"),
        ([[0] * 7] * 5 + [[1, 1, 1, 1, 2, 2, 2]], "the game is over"),
    ],
)
def test_a_board_that_cannot_be_is_refused(board, says):
    """Each mistake is said in words."""
    with pytest.raises(ValueError, match=says):
        FOUR.read(board)


@given(moves)
def test_bits_see_two_plies_as_trying_them_does(columns):
    """Wins at once, and what does not lose at once, are the same both ways."""
    state = played(columns)
    if FOUR.outcome(state) is None:
        actions, value = FOUR.tactical_shortcut(state)
        tried, certain = two_ply_search(FOUR, state)
        assert value == certain
        if value == -1.0:  # of what all loses, some is the more stubborn
            assert set(actions) <= set(tried)
        else:
            assert actions == tried


def blind(planes):
    """A network that knows nothing."""
    return np.full((len(planes), 7), 1 / 7, np.float32), np.zeros(len(planes))


def perfect(state, depth=8):
    """The value of a position by looking at all of it that far."""
    over = FOUR.outcome(state)
    if over is not None or not depth:
        return over or 0.0
    return max(-perfect(FOUR.apply(state, a), depth - 1) for a in FOUR.legal(state))


def endgame(seed, stones=34):
    """A position with so many stones that nobody has won, played by chance."""
    random = np.random.default_rng(seed)
    while True:
        state = FOUR.start()
        while state[1].bit_count() < stones:
            after = [FOUR.apply(state, a) for a in FOUR.legal(state)]
            open_ = [one for one in after if FOUR.outcome(one) is None]
            if not open_:
                break
            state = open_[int(random.integers(len(open_)))]
        else:
            return state


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6))
def test_search_plays_endgames_perfectly_without_any_knowledge(seed):
    """Near the end, what it takes keeps the value, and what it proves is true."""
    state = endgame(seed)
    found = search(FOUR, state, blind, simulations=3000)
    best = perfect(state)
    taken = int(np.argmax(found.policy))
    assert -perfect(FOUR.apply(state, taken)) == best
    if abs(found.value) == 1.0:
        assert found.value == best


def test_search_sees_a_win_and_a_block():
    """It takes three in a row to four, and stops the other's three."""
    win = played([3, 0, 3, 0, 3, 0])
    assert np.argmax(search(FOUR, win, blind, simulations=50).policy) == 3
    block = played([0, 3, 1, 3, 6, 3])
    assert np.argmax(search(FOUR, block, blind, simulations=200).policy) == 3


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6))
@example(25676)  # a visit that ended after the proof once overwrote the value
def test_what_a_search_proves_it_also_plays(seed):
    """A proven win is taken by a winning action, however few were tried."""
    state = endgame(seed, stones=33)
    found = search(FOUR, state, blind, simulations=40)
    if found.proven:
        taken = FOUR.apply(state, int(np.argmax(found.policy)))
        assert -perfect(taken, depth=9) == found.value == perfect(state, depth=9)


def test_leaves_that_wait_are_not_asked_for_twice():
    """States asked together differ, and every answer belongs to its question."""
    tree = Search(FOUR, FOUR.start())
    tree.tell([[1 / 7] * 7], [0.0] * len(tree.ask()))
    asked = tree.ask(8)
    assert len(asked) == len(set(asked)) > 1
    # the first leaf is a win for whoever is to move there: it is left alone
    tree.tell([[1 / 7] * 7] * len(asked), [0.9, *[0.0] * (len(asked) - 1)])
    assert tree.simulations == len(asked)
    for _ in range(30):
        states = tree.ask(4)
        tree.tell([[1 / 7] * 7] * len(states), [0.0] * len(states))
    policy = tree.found().policy
    first = next(a for a in range(7) if FOUR.apply(FOUR.start(), a) == asked[0])
    assert policy[first] == min(policy)


def test_search_keeps_to_its_time():
    """A clock that is over stops it, with an answer all the same."""
    now = iter(np.arange(0, 100, 0.01))
    found = search(FOUR, FOUR.start(), blind, simulations=10**6, seconds=0.1,
                   clock=lambda: float(next(now)))  # fmt: skip
    assert 0 < found.simulations < 200  # ten looks at the clock, some leaves at each
    assert sum(found.policy) == pytest.approx(1)


def test_a_level_is_solved_and_its_pushes_lead_home():
    """One push to the right."""
    found = sokoban.solve(sokoban.read(EASY))
    assert found.pushes == ((17, 1),)
    assert sokoban.check(EASY, {}, lambda: False) == {
        "boxes": 1, "pushes": 1, "difficulty": 1 / 20,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("@", " "), "0 players"),
        ((".", " "), "1 boxes and 0 goals"),
        (("$", "x"), "no tile"),
        (("#######\n#     #", "###  ##\n#     #"), "a gap"),
    ],
)
def test_a_level_that_is_none_is_refused(change, says):
    """What is wrong with it is said."""
    rows = "\n".join(EASY).replace(*change, 1).split("\n")
    with pytest.raises(ValueError, match=says):
        sokoban.read(rows)
    assert sokoban.check(rows, {}, lambda: False) is None


@pytest.mark.parametrize(
    "rows",
    [
        ("#######", "#$    #", "# @ . #", "#     #", "#######"),  # in a corner
        ("#######", "# $   #", "# @ . #", "#     #", "#######"),  # along a wall
        (
            "########",
            "#      #",
            "# $$ ..#",
            "# ## @ #",
            "########",
        ),  # in each other's way
    ],
)
def test_a_level_that_cannot_be_solved_is_none(rows):
    """Dead corners, dead walls, boxes that hold each other."""
    assert sokoban.solve(sokoban.read(rows)) is None
    assert sokoban.check(rows, {}, lambda: False) is None


@pytest.mark.parametrize(
    "rows",
    [
        EASY,
        ("#########", "#   #   #", "# $ @ . #", "#  $ #. #", "#       #", "#########"),
    ],
)
def test_a_solution_can_be_walked(rows):
    """Each push is from where the player can stand, and the boxes end at home."""
    level = sokoban.read(rows)
    walk(level, sokoban.solve(level))


def walk(level, solution):
    """Push by push, each from where the player can stand."""
    boxes, player = set(level.boxes), level.player
    for box, step in solution.pushes:
        assert box in boxes
        assert box - step in sokoban._reach(level, frozenset(boxes), player)
        assert box + step in level.floor
        assert box + step not in boxes
        boxes = (boxes - {box}) | {box + step}
        player = box
    assert boxes == level.goals


def test_the_wished_number_of_boxes_is_held_to():
    """Another number is no answer to the wish."""
    assert sokoban.check(EASY, {"boxes": 2}, lambda: False) is None
    assert sokoban.check(EASY, {"boxes": 1}, lambda: False)


def test_a_platform_level_is_walked_to_its_end():
    """Flat ground, a gap that can be jumped, one that cannot, a wall too high."""
    air = "-" * 20
    flat = (air, air, air, air, air, air, "X" * 20)
    gap = (*flat[:-1], "X" * 6 + "-" * 4 + "X" * 10)
    chasm = (*flat[:-1], "X" * 3 + "-" * 14 + "X" * 3)
    wall = tuple(row[:10] + "X" + row[11:] for row in flat)
    for rows, reached in ((flat, True), (gap, True), (chasm, False), (wall, False)):
        assert (platformer.check(rows, {}, lambda: False) is not None) == reached


def test_rules_go_by_their_names():
    """A game is no level check, and what is unknown is named with the others."""
    for ask, name, words in (
        (rules.game, "go", "install the one that does.*there are .*connect-four"),
        (rules.game, "sokoban", "check levels"),
        (rules.check, "connect-four", "are a game"),
        (rules.check, "../x", "no installed package"),
        (rules.game, "search", "no installed package"),
    ):
        with pytest.raises(IntegrityError, match=words):
            ask(name)


def test_our_rules_are_registered_as_a_studios_are():
    """What is listed for others to find is what the modules hold."""
    entries = entry_points(group=rules.GROUP)
    assert {"connect-four", "platformer", "sokoban"} <= set(entries.names)
    for entry in entries:
        if entry.value.startswith("hotseat_serve."):
            assert entry.load() is rules.find(entry.name)


def test_two_packages_with_the_same_rules_are_refused(tmp_path, monkeypatch):
    """Nobody guesses which of them a version means; both are named."""
    for package in ("east", "west"):
        info = tmp_path / f"{package}_games-1.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Name: {package}-games\nVersion: 1\n")
        (info / "entry_points.txt").write_text(
            f"[hotseat.rules]\nhalma = {package}:GAME\n"
        )
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(IntegrityError, match="east-games and west-games both"):
        rules.find("halma")
