// Sokoban levels by wish, to be played: the generator draws one, the rules check it.
export const title = "Sokoban";
export const model = "sokoban-levels";

const STEPS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
const FIRST = ["##########", "#        #", "#   $ .  #", "#  @     #", "#   $ .  #", "#        #", "##########"];

export function show(root, { client, ask }) {
  root.innerHTML = `
    <div class="columns"><div>
      <h2>Sokoban levels</h2><p class="hint">Wish for a level, then push every box onto a goal: arrow keys, or the pad.</p>
      <div class="level" role="application" tabindex="0" aria-label="The level: play with the arrow keys"></div>
      <p class="turn" role="status"></p>
      <div class="pad" aria-label="Directions"><span></span><button data-key="ArrowUp" aria-label="up">↑</button><span></span>
        <button data-key="ArrowLeft" aria-label="left">←</button><button data-key="ArrowDown" aria-label="down">↓</button><button data-key="ArrowRight" aria-label="right">→</button></div>
    </div><div class="panel"><h2>Your wish</h2>
      <p class="hint">Every level that comes back can be solved.</p>
      <label class="slider"><span>boxes</span><input type="range" name="boxes" min="1" max="4" value="2"><output>2</output></label>
      <label class="slider"><span>difficulty</span><input type="range" name="difficulty" min="0" max="12" value="4"><output>4</output></label>
      <div class="row"><button class="primary new">New level</button><button class="again">Start again</button></div>
      <p class="facts hint"></p>
    </div></div>`;
  const $ = (selector) => root.querySelector(selector);
  let rows, player, boxes, moves;

  function begin(item) {
    rows = item.map((row) => [...row]);
    boxes = new Set();
    moves = 0;
    rows.forEach((row, y) => row.forEach((tile, x) => {
      if (tile === "@" || tile === "+") player = [y, x];
      if (tile === "$" || tile === "*") boxes.add(`${y},${x}`);
    }));
    begin.item = item;
    draw();
  }

  function draw() {
    $(".level").style.gridTemplateColumns = `repeat(${rows[0].length}, 1fr)`;
    $(".level").replaceChildren(...rows.flatMap((row, y) => row.map((tile, x) => {
      const cell = document.createElement("i");
      cell.className = tile === "#" ? "wall" : "floor";
      if (".*+".includes(tile)) cell.classList.add("goal");
      if (boxes.has(`${y},${x}`)) cell.classList.add("box");
      if (player[0] === y && player[1] === x) cell.classList.add("player");
      return cell;
    })));
    const left = [...boxes].filter((at) => !".*+".includes(tileAt(...at.split(",").map(Number)))).length;
    $(".turn").textContent = left ? `${left} of ${boxes.size} boxes to go, ${moves} moves` : `Solved in ${moves} moves!`;
  }

  const tileAt = (y, x) => rows[y]?.[x] ?? "#";

  function step([down, right]) {
    const [y, x] = [player[0] + down, player[1] + right];
    if (tileAt(y, x) === "#") return;
    if (boxes.has(`${y},${x}`)) {
      const next = `${y + down},${x + right}`;
      if (tileAt(y + down, x + right) === "#" || boxes.has(next)) return;
      boxes.delete(`${y},${x}`);
      boxes.add(next);
    }
    player = [y, x];
    moves += 1;
    draw();
  }

  async function wish() {
    const wanted = Object.fromEntries([...root.querySelectorAll("input")].map(({ name, value }) => [name, Number(value)]));
    $(".new").disabled = true;
    $(".facts").textContent = "drawing …";
    const answer = await ask(client.generate(wanted, { model, deadline: 8, default: FIRST }));
    $(".new").disabled = false;
    const { pushes, difficulty, tried } = answer.raw;
    $(".facts").textContent = answer.is_default ? "No generator answered: a level that came with the page."
      : `Solved by the checker in ${pushes} pushes, difficulty ${difficulty?.toFixed(1)}; ${tried} drawn, seed ${answer.seed}.`;
    begin(answer.item);
  }

  $(".level").onkeydown = (event) => {
    if (!STEPS[event.key]) return;
    event.preventDefault();
    step(STEPS[event.key]);
  };
  for (const button of root.querySelectorAll(".pad button")) button.onclick = () => step(STEPS[button.dataset.key]);
  for (const input of root.querySelectorAll("input")) input.oninput = () => { input.nextElementSibling.value = input.value; };
  $(".new").onclick = wish;
  $(".again").onclick = () => begin(begin.item);
  begin(FIRST);
  wish();
}
