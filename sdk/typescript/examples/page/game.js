// Connect Four and a chat line against the service; without a network it plays on.
import { ModelServiceClient } from "hotseat";
import { Device } from "hotseat/offline";

const asked = new URLSearchParams(location.search);
const client = new ModelServiceClient({
  baseUrl: asked.get("service") ?? "http://localhost:8080",
  deadline: Number(asked.get("deadline") ?? 0.5),
  offline: new Device(),
});
const [WIDTH, HEIGHT, MODEL] = [7, 6, "connect-four"];
const SOURCES = {
  service: "the service", cache: "the service, before", offline: "this device, offline",
  default: "nobody: any column",
};
const $ = (id) => document.getElementById(id);

let board, ticket, winners;

function begin() {
  board = Array.from({ length: HEIGHT }, () => Array(WIDTH).fill(0));
  [ticket, winners] = [null, []];
  $("board").replaceChildren(...board.flatMap((row, y) => row.map((_, x) => {
    const hole = document.createElement("button");
    hole.ariaLabel = `row ${y + 1}, column ${x + 1}`;
    hole.onclick = () => move(x);
    return hole;
  })));
}

const landing = (x) => board.findLastIndex((row) => !row[x]);
const over = () => winners.length > 0 || board[0].every(Boolean);

function line(player) {
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

function drop(x, player) {
  const y = landing(x);
  board[y][x] = player;
  $("board").children[y * WIDTH + x].className = `${player === 1 ? "one" : "two"} new`;
  winners = line(player);
  for (const [r, c] of winners) $("board").children[r * WIDTH + c].classList.add("won");
}

function move(x) {
  if (over()) return begin();
  if (ticket || landing(x) < 0) return undefined;
  drop(x, 1);
  const level = document.querySelector("[name=level]:checked").value;
  // submit never waits: the frame loop below looks whether the answer is there
  if (!over()) ticket = client.submit({ board }, { model: MODEL, options: { level } });
  return undefined;
}

function frame() {
  if (ticket?.ready()) {
    const open = [...Array(WIDTH).keys()].filter((x) => landing(x) >= 0);
    const said = ticket.result({ default: open[Math.floor(Math.random() * open.length)] });
    ticket = null;
    drop(Number(said.action), 2);
    const named = said.model ? ` (${said.model}@${said.version}), ${Math.round(1000 * said.latency)} ms` : "";
    $("source").textContent = `last move by ${SOURCES[said.source]}${named}`;
  }
  $("turn").textContent = winners.length
    ? `${board[winners[0][0]][winners[0][1]] === 1 ? "You win" : "The model wins"} - click to play again`
    : over() ? "A draw - click to play again" : ticket ? "The model is thinking ..." : "Your move";
  requestAnimationFrame(frame);
}

$("say").onsubmit = async (event) => {
  event.preventDefault();
  const text = new FormData(event.target).get("text").trim();
  if (!text) return;
  event.target.reset();
  const item = document.createElement("li");
  $("lines").append(item);
  item.textContent = text; // it is there at once; whether it stays is said in a moment
  const said = await client.predict(text, { model: "chat-moderation", default: "ok" });
  if (said.label === "toxic") {
    item.textContent = "hidden: it would have hurt somebody";
    item.className = "hidden";
  }
  const note = document.createElement("small");
  const sure = said.probability === null ? "" : `, ${Math.round(100 * said.probability)} % sure`;
  note.textContent = `${said.label} by ${SOURCES[said.source]}${sure}`;
  item.append(note);
};

begin();
requestAnimationFrame(frame);
// beside the game: when they are here, it plays on without a network
for (const model of [MODEL, "chat-moderation"]) {
  client.download(`${model}#live`).then(
    () => document.body.classList.add(model),
    (error) => console.info(`not on this device: ${error.message}`),
  );
}
