/** Rules of games, as in the service. */

/** The rules of a game for two players in turn, for search and encoding. */
export interface Game<S> {
  actions: number;
  apply(state: S, action: number): S;
  /** The result for the side to move: -1, 0, 1; null: the game is not over. */
  outcome(state: S): number | null;
  /** The candidate actions after two plies, and the proven value or null. */
  glance(state: S): [number[], number | null];
  /** Equal for states of the same position. */
  key(state: S): string;
  /** Planes of 0 and 1 from the view of the side to move, one after the other. */
  encode(state: S): number[];
  /** The position of a board in JSON; throws Error. */
  read(board: unknown): S;
}

const WIDTH = 7;
const HEIGHT = 6;
const CELLS = WIDTH * HEIGHT;
/** Every line of four, as places in a board read row by row. */
const LINES: number[][] = [];
for (let row = 0; row < HEIGHT; row += 1) {
  for (let column = 0; column < WIDTH; column += 1) {
    for (const [down, right] of [[0, 1], [1, 0], [1, 1], [1, -1]] as const) {
      const [last, edge] = [row + 3 * down, column + 3 * right];
      if (last >= HEIGHT || edge < 0 || edge >= WIDTH) continue;
      LINES.push([0, 1, 2, 3].map((n) => (row + n * down) * WIDTH + column + n * right));
    }
  }
}

/** Cells row by row, the top one first: 0 empty, 1 first, 2 second; who is to move. */
interface Four {
  cells: number[];
  mover: 1 | 2;
}

const connectFour: Game<Four> = {
  actions: WIDTH,
  apply({ cells, mover }, action) {
    const next = cells.slice();
    let place = CELLS - WIDTH + action;
    while (next[place]) place -= WIDTH;
    next[place] = mover;
    return { cells: next, mover: mover === 1 ? 2 : 1 };
  },
  outcome({ cells, mover }) {
    const other = mover === 1 ? 2 : 1;
    if (line(cells, other)) return -1; // only the side that just moved can have one
    return cells.every(Boolean) ? 0 : null;
  },
  glance({ cells, mover }) {
    const landing = [0, 1, 2, 3, 4, 5, 6].flatMap((column) => {
      let place = CELLS - WIDTH + column;
      while (cells[place]) place -= WIDTH;
      return place >= 0 ? [place] : [];
    });
    const columns = (places: number[]) => places.map((place) => place % WIDTH);
    const own = winning(cells, mover);
    const wins = landing.filter((place) => own.has(place));
    if (wins.length) return [columns(wins), 1];
    const theirs = winning(cells, mover === 1 ? 2 : 1);
    const forced = landing.filter((place) => theirs.has(place));
    const open = forced.length ? forced : landing;
    // no stone below a cell where the other side wins
    const safe = open.filter((place) => !theirs.has(place - WIDTH));
    if (forced.length > 1 || !safe.length) return [columns(open), -1];
    return [columns(safe), null];
  },
  key: ({ cells }) => cells.join(""), // the number of stones determines the side to move
  encode({ cells, mover }) {
    const other = mover === 1 ? 2 : 1;
    return [mover, other].flatMap((who) => cells.map((cell) => Number(cell === who)));
  },
  read(board) {
    if (!Array.isArray(board) || board.length !== HEIGHT) {
      throw new Error(`a board is a list of ${HEIGHT} rows, the top one first`);
    }
    for (const row of board) {
      if (!Array.isArray(row) || row.length !== WIDTH) {
        throw new Error(`a row is a list of ${WIDTH} cells`);
      }
      if (row.some((cell) => cell !== 0 && cell !== 1 && cell !== 2)) {
        throw new Error("a cell is 0 (empty), 1 (first) or 2 (second)");
      }
    }
    const cells = board.flat() as number[];
    const count = (who: number) => cells.filter((cell) => cell === who).length;
    const ahead = count(1) - count(2);
    if (ahead !== 0 && ahead !== 1) throw new Error(`the first player cannot be ${ahead} stones ahead`);
    if (cells.some((cell, place) => cell && cells[place + WIDTH] === 0)) {
      throw new Error("a stone floats above an empty cell");
    }
    if (line(cells, 1) || line(cells, 2) || cells.every(Boolean)) throw new Error("the game is over");
    return { cells, mover: ahead ? 2 : 1 };
  },
};

function line(cells: number[], who: number): boolean {
  return LINES.some((places) => places.every((place) => cells[place] === who));
}

/** The empty cells where one more stone makes a line. */
function winning(cells: number[], who: number): Set<number> {
  const cellsToWin = new Set<number>();
  for (const places of LINES) {
    const others = places.filter((place) => cells[place] !== who);
    if (others.length === 1 && !cells[others[0]!]) cellsToWin.add(others[0]!);
  }
  return cellsToWin;
}

export const games: Record<string, Game<any>> = { "connect-four": connectFour };
