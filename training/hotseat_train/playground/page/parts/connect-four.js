// Connect Four against five strengths: the board goes to the model, its move comes back.
export const title = "Connect Four";
export const model = "connect-four";

const [WIDTH, HEIGHT] = [7, 6];
const LEVELS = ["easy", "medium", "hard", "expert", "best"];

export function show(root, { client, ask }) {
  root.innerHTML = `
    <div class="columns"><div>
      <h2>Connect Four</h2><p class="hint">You are yellow. Promote another version while you play.</p>
      <fieldset class="levels"><legend>Strength</legend>${LEVELS.map((level) =>
        `<label><input type="radio" name="level" value="${level}"${level === "hard" ? " checked" : ""}> ${level}</label>`).join("")}
      </fieldset>
      <div class="board" aria-label="The board"></div>
      <p class="turn" role="status">Your move</p>
      <button class="again">New game</button>
    </div><div class="panel"><h2>What the model thinks</h2>
      <p class="hint">The probability of each of its moves, and its view of the game.</p>
      <ul class="bars"></ul><p class="value"></p>
    </div></div>`;
  const $ = (selector) => root.querySelector(selector);
  let board, isBusy, winners;

  function begin() {
    board = Array.from({ length: HEIGHT }, () => Array(WIDTH).fill(0));
    [isBusy, winners] = [false, []];
    draw();
    $(".turn").textContent = "Your move";
  }

  function draw(fresh = null) {
    const focused = [...$(".board").children].indexOf(document.activeElement);
    $(".board").replaceChildren(...Array.from({ length: WIDTH }, (_, x) => {
      const column = document.createElement("button");
      const holes = board.map((row) => ["empty", "you", "the model"][row[x]]);
      column.className = "column";
      column.ariaLabel = `column ${x + 1}, from the top: ${holes.join(", ")}`;
      column.onclick = () => play(x);
      column.append(...board.map((row, y) => {
        const hole = document.createElement("i");
        hole.className = ["", "one", "two"][row[x]];
        if (fresh?.[0] === y && fresh[1] === x) hole.classList.add("new");
        if (winners.some(([r, c]) => r === y && c === x)) hole.classList.add("won");
        return hole;
      }));
      return column;
    }));
    if (focused >= 0) $(".board").children[focused].focus();
  }

  const landing = (x) => board.findLastIndex((row) => !row[x]);
  const isOver = () => winners.length > 0 || board[0].every(Boolean);

  function drop(x, player) {
    const y = landing(x);
    board[y][x] = player;
    winners = line(board, player);
    draw([y, x]);
  }

  async function play(x) {
    if (isBusy || isOver() || landing(x) < 0) return;
    const mine = board;
    drop(x, 1);
    if (!isOver()) {
      isBusy = true;
      $(".turn").textContent = "The model is thinking …";
      const open = [...Array(WIDTH).keys()].filter((column) => landing(column) >= 0);
      const answer = await ask(client.choose(board, {
        model, level: $("[name=level]:checked").value, default: open[Math.floor(Math.random() * open.length)],
      }));
      if (board !== mine) return; // a new game began meanwhile
      isBusy = false;
      drop(Number(answer.action), 2);
      reasons(answer);
    }
    const won = winners.length && board[winners[0][0]][winners[0][1]];
    $(".turn").textContent = won ? (won === 1 ? "You win!" : "The model wins.") : isOver() ? "A draw." : "Your move";
  }

  function reasons({ actions, value, is_default: isDefault }) {
    $(".bars").replaceChildren(...[...Array(WIDTH).keys()].map((x) => {
      const item = document.createElement("li");
      const share = actions[x] ?? 0;
      item.innerHTML = `<span>column ${x + 1}</span><meter value="${share}"></meter><output>${Math.round(100 * share)} %</output>`;
      return item;
    }));
    $(".value").textContent = isDefault ? "No model answered: a column by chance."
      : typeof value === "number" ? `It expects ${value > 0.15 ? "to win" : value < -0.15 ? "to lose" : "an even game"} (${value.toFixed(2)}).` : "";
  }

  $(".again").onclick = begin;
  begin();
}

function line(board, player) {
  for (let y = 0; y < HEIGHT; y += 1) {
    for (let x = 0; x < WIDTH; x += 1) {
      for (const [down, right] of [[0, 1], [1, 0], [1, 1], [1, -1]]) {
        const cells = [0, 1, 2, 3].map((n) => [y + n * down, x + n * right]);
        if (cells.every(([r, c]) => board[r]?.[c] === player)) return cells;
      }
    }
  }
  return [];
}
