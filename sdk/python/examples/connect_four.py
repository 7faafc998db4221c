"""Connect Four against the service, in pygame; also without a network.

    pip install 'hotseat[offline]' pygame-ce
    python connect_four.py --url http://localhost:8080

The frame loop never waits: it submits the board in one frame and checks the ticket in
later ones. The bottom of the window shows the source of the last move: the service, the
same version on this device, or the default, a random open column.
"""

import argparse
import random
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

import pygame

from hotseat import ConfigError, HotseatError, ModelServiceClient, Prediction, Ticket

MODEL, LEVELS = "connect-four", ("easy", "medium", "hard", "best")
WIDTH, HEIGHT = 7, 6
CELL, GAP = 84, 16
FALL = 0.4
"""Duration of the longest fall in seconds."""
SIZE = (WIDTH * CELL + 2 * GAP, HEIGHT * CELL + 2 * GAP + 150)
TOP = 76
NIGHT, FRAME, HOLE = (17, 21, 34), (44, 74, 156), (23, 29, 48)
PALE, DIM, LIT = (228, 233, 245), (134, 146, 176), (255, 255, 255)
STONES = {1: (244, 201, 72), 2: (232, 86, 92)}
SHADES = {1: (205, 158, 36), 2: (186, 54, 64)}
SOURCES = {
    "service": "the service",
    "cache": "the service, before",
    "offline": "this device, offline",
    "default": "nobody: any column",
}
Board = list[list[int]]


def empty() -> Board:
    """Return six rows of seven, the top one first."""
    return [[0] * WIDTH for _ in range(HEIGHT)]


def landing(board: Board, column: int) -> int | None:
    """Return the row where a stone lands, or None for a full column."""
    open_rows = [row for row in range(HEIGHT) if not board[row][column]]
    return open_rows[-1] if open_rows else None


def line(board: Board, player: int) -> list[tuple[int, int]]:
    """Return four cells in a line, or nothing."""
    for row in range(HEIGHT):
        for column in range(WIDTH):
            for down, right in ((0, 1), (1, 0), (1, 1), (1, -1)):
                cells = [(row + n * down, column + n * right) for n in range(4)]
                if all(
                    0 <= r < HEIGHT and 0 <= c < WIDTH and board[r][c] == player
                    for r, c in cells
                ):
                    return cells
    return []


@dataclass
class Game:
    """One game: the player is 1 and begins, the model is 2."""

    client: ModelServiceClient
    level: str = "hard"
    board: Board = field(default_factory=empty)
    ticket: Ticket | None = None
    said: Prediction | None = None
    falling: tuple[int, int, float] | None = None
    """Column, row and start time of the last stone."""

    @property
    def won(self) -> list[tuple[int, int]]:
        """The four cells of the winning line."""
        return line(self.board, 1) or line(self.board, 2)

    @property
    def over(self) -> bool:
        """Whether the game is over."""
        return bool(self.won) or all(self.board[0])

    @property
    def players_turn(self) -> bool:
        """Whether the player may move."""
        return self.ticket is None and not self.over

    def is_falling(self, now: float) -> bool:
        """Whether the last stone is still falling."""
        return self.falling is not None and now - self.falling[2] < FALL

    def drop(self, column: int, player: int, now: float) -> None:
        """Drop a stone; ignore a full column."""
        row = landing(self.board, column)
        if row is None:
            return
        self.board[row][column] = player
        self.falling = (column, row, now)
        if player == 1 and not self.over:
            options = {"level": self.level}
            self.ticket = self.client.submit(
                {"board": self.board}, model=MODEL, options=options
            )

    def look(self, now: float) -> None:
        """Play the model's answer if it has arrived; never waits."""
        if self.ticket is None or not self.ticket.ready():
            return
        columns = [c for c in range(WIDTH) if landing(self.board, c) is not None]
        self.said = self.ticket.result(default=random.choice(columns))  # noqa: S311
        self.ticket = None
        action = self.said.value if self.said.is_default else self.said.action
        self.drop(int(action), 2, now)


def level_boxes() -> dict[str, pygame.Rect]:
    """Return the buttons of the levels."""
    wide = (SIZE[0] - 2 * GAP - 3 * 10) // len(LEVELS)
    return {
        name: pygame.Rect(GAP + place * (wide + 10), 20, wide, 38)
        for place, name in enumerate(LEVELS)
    }


class Painter:
    """Draws a game, independently of the service."""

    def __init__(self, screen: pygame.Surface) -> None:
        pygame.font.init()
        self.screen = screen
        self.font = pygame.font.Font(None, 25)
        self.large = pygame.font.Font(None, 34)

    def draw(self, game: Game, hover: int | None, now: float) -> None:
        """Draw one frame."""
        self.screen.fill(NIGHT)
        for name, box in level_boxes().items():
            chosen = name == game.level
            pygame.draw.rect(self.screen, FRAME if chosen else HOLE, box, 0, 9)
            self._write(name, self.font, LIT if chosen else DIM, box.center)
        board = pygame.Rect(GAP, TOP, WIDTH * CELL, HEIGHT * CELL)
        pygame.draw.rect(self.screen, FRAME, board, 0, 18)
        for row in range(HEIGHT):
            for column in range(WIDTH):
                self._hole(row, column)
        self._stones(game, now)
        if hover is not None and game.players_turn:
            row = landing(game.board, hover)
            if row is not None:
                pygame.draw.circle(self.screen, STONES[1], _center(row, hover), 33, 3)
        for row, column in game.won:
            pygame.draw.circle(self.screen, LIT, _center(row, column), 35, 4)
        self._foot(game, board.bottom)

    def _hole(self, row: int, column: int) -> None:
        pygame.draw.circle(self.screen, HOLE, _center(row, column), 35)

    def _stones(self, game: Game, now: float) -> None:
        for row in range(HEIGHT):
            for column in range(WIDTH):
                player = game.board[row][column]
                if player:
                    x, y = _center(row, column)
                    y = _fallen(game, row, column, now, y)
                    pygame.draw.circle(self.screen, SHADES[player], (x, y), 34)
                    pygame.draw.circle(self.screen, STONES[player], (x, y - 2), 29)

    def _foot(self, game: Game, y: int) -> None:
        if game.won:
            yours = game.board[game.won[0][0]][game.won[0][1]] == 1
            text = "You win" if yours else "The model wins"
        elif game.over:
            text = "A draw"
        else:
            text = "Your move" if game.players_turn else "The model is thinking ..."
        hint = "  -  click to play again" if game.over else ""
        self._write(text + hint, self.large, PALE, (SIZE[0] // 2, y + 34))
        said = game.said
        if said is not None:
            who = SOURCES[said.source]
            named = f" ({said.model}@{said.version})" if said.model else ""
            took = f", {said.latency * 1000:.0f} ms" if said.model else ""
            self._write(f"last move by {who}{named}{took}", self.font, DIM,
                        (SIZE[0] // 2, y + 66))  # fmt: skip

    def _write(
        self,
        text: str,
        font: pygame.font.Font,
        colour: tuple[int, int, int],
        center: tuple[int, int],
    ) -> None:
        drawn = font.render(text, True, colour)
        self.screen.blit(drawn, drawn.get_rect(center=center))


def _center(row: int, column: int) -> tuple[int, int]:
    return GAP + column * CELL + CELL // 2, TOP + row * CELL + CELL // 2


def _fallen(game: Game, row: int, column: int, now: float, y: int) -> int:
    """Return the current height of the last stone."""
    if game.falling is None or game.falling[:2] != (column, row):
        return y
    seconds = now - game.falling[2]
    return min(y, int(TOP + CELL // 2 + HEIGHT * CELL * (seconds / FALL) ** 2))


def play(game: Game, moves: Sequence[int] | None, picture: str | None) -> list[float]:
    """Play until the window is closed; return the duration of each frame.

    `moves` are the player's moves, if given; then `picture` is the file for the end.
    """
    pygame.display.init()
    screen = pygame.display.set_mode(SIZE)
    pygame.display.set_caption("Hotseat: Connect Four")
    painter, clock = Painter(screen), pygame.time.Clock()
    script = None if moves is None else deque(moves)
    frames: list[float] = []
    while True:
        began = time.perf_counter()
        if _handle_events(game, began):
            return frames
        game.look(began)
        over = script is not None and _scripted(game, script, began)
        hover = None if script is not None else _column(pygame.mouse.get_pos())
        painter.draw(game, hover, began)
        frames.append(time.perf_counter() - began)
        if over:
            if picture:
                pygame.image.save(screen, picture)
            return frames
        pygame.display.flip()
        clock.tick(60)


def _scripted(game: Game, script: deque[int], now: float) -> bool:
    """Play the next scripted move after the last stone lands; return whether to end."""
    if game.ticket is not None or game.is_falling(now):
        return False
    if game.over or not script:
        return True
    game.drop(script.popleft(), 1, now)
    return False


def _handle_events(game: Game, now: float) -> bool:
    """Handle the player's events; return whether the window was closed."""
    for event in pygame.event.get():
        if event.type == pygame.QUIT:
            return True
        if event.type == pygame.MOUSEBUTTONDOWN:
            _clicked(game, event.pos, now)
    return False


def _column(at: tuple[int, int]) -> int | None:
    column = (at[0] - GAP) // CELL
    return column if 0 <= column < WIDTH and at[1] >= TOP else None


def _clicked(game: Game, at: tuple[int, int], now: float) -> None:
    for name, box in level_boxes().items():
        if box.collidepoint(at):
            game.level = name
            return
    if game.over:
        game.board, game.said, game.falling = empty(), None, None
    elif game.players_turn:
        column = _column(at)
        if column is not None:
            game.drop(column, 1, now)


def main() -> None:
    """Play a game."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--url", help="default: HOTSEAT_URL, else localhost:8080")
    parser.add_argument("--level", choices=LEVELS, default="hard")
    parser.add_argument("--folder", help="folder of the offline version")
    parser.add_argument("--moves", help="play these columns and end: 3,3,2")
    parser.add_argument("--picture", help="write the end to this PNG")
    parser.add_argument("--deadline", type=float, default=0.5, help="default: 0.5 s")
    arguments = parser.parse_args()
    moves = (
        None
        if arguments.moves is None
        else [int(m) for m in arguments.moves.split(",")]
    )
    with ModelServiceClient(arguments.url, deadline=arguments.deadline) as client:
        try:
            client.download(MODEL, folder=arguments.folder, deadline=3)
        except ConfigError as error:
            print(f"online only: {error}")
        except HotseatError as error:
            print(f"no version on this device yet: {error}")
        game = Game(client, arguments.level)
        frames = play(game, moves, arguments.picture)
    if game.said is not None:
        print(f"the last move was by {SOURCES[game.said.source]}")
    middle, longest = sorted(frames)[len(frames) // 2], max(frames)
    print(f"{len(frames)} frames of {middle * 1000:.1f} ms, the longest "
          f"{longest * 1000:.1f} ms")  # fmt: skip


if __name__ == "__main__":
    main()
