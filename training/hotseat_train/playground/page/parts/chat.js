// A chat whose lines a model judges, and the moderator's view of the same lines.
export const title = "Chat";
export const model = "chat-moderation";

const LINES = ["gg wp", "you are trash", "nice one 😀", "report mid, feeding", "你这个垃圾"];
const lines = []; // stays while the visitor looks at other parts

export function show(root, { client, ask }) {
  root.innerHTML = `
    <div class="columns"><div class="panel">
      <h2>What players see</h2><p class="hint">A line appears at once; a hurtful one is hidden in a moment.</p>
      <ol class="lines" aria-live="polite"></ol>
      <form class="say"><input name="text" aria-label="Your line" placeholder="Say something" maxlength="4000" autocomplete="off"><button class="primary">Send</button></form>
      <p class="hint row tries"></p>
    </div><div class="panel">
      <h2>What a moderator sees</h2><p class="hint">The label, its probability, and the words that decided.</p>
      <ol class="lines moderator"></ol>
    </div></div>`;
  const $ = (selector) => root.querySelector(selector);

  function draw() {
    $(".lines").replaceChildren(...lines.map(({ text, label, decision }) => {
      const item = document.createElement("li");
      const isHidden = decision ? decision.flagged : label === "toxic" || label === "implicit";
      item.className = isHidden ? "hidden" : "";
      item.textContent = isHidden ? "hidden: it would have hurt somebody" : text;
      return item;
    }));
    $(".moderator").replaceChildren(...lines.filter(({ label }) => label).map((line) => {
      const item = document.createElement("li");
      item.append(...marked(line));
      const note = document.createElement("small");
      const share = line.probability === null ? "" : ` ${Math.round(100 * line.probability)} %`;
      const flagged = line.decision?.flagged ? ` · flagged at ${line.decision.operating_point}${line.category ? ` as ${line.category}` : ""}` : "";
      note.textContent = `${line.label}${share}${flagged} · ${line.source}${line.reason ? ` · ${line.reason}` : ""}`;
      item.append(note);
      return item;
    }));
    for (const list of root.querySelectorAll(".lines")) list.scrollTop = list.scrollHeight;
  }

  async function say(text) {
    const line = { text, label: null, parts: [] };
    lines.push(line);
    draw();
    const context = lines.slice(-9, -1).map((earlier) => earlier.text);
    const answer = await ask(client.predict({ text, context }, { model, default: "ok" }));
    Object.assign(line, answer, { text, decision: answer.raw?.decision, category: answer.raw?.category });
    draw();
    if (!answer.is_default && answer.label !== "ok") { // reasons, for the moderator alone
      const { parts } = await client.explain(text, { model, default: answer.label });
      line.parts = parts;
      draw();
    }
  }

  $(".say").onsubmit = (event) => {
    event.preventDefault();
    const text = new FormData(event.target).get("text");
    event.target.reset();
    say(text);
  };
  $(".tries").append("Try: ", ...LINES.map((text) => {
    const button = document.createElement("button");
    Object.assign(button, { type: "button", textContent: text, onclick: () => say(text) });
    return button;
  }));
  draw();
}

/** The line with the parts marked that speak most for its label. */
function marked({ text, parts }) {
  const letters = [...text]; // positions count code points
  const strong = parts.filter(({ at, weight }) => at && weight > 0.1).sort((a, b) => a.at[0] - b.at[0]);
  const pieces = [];
  let from = 0;
  for (const { at: [start, end] } of strong) {
    pieces.push(letters.slice(from, start).join(""));
    const mark = document.createElement("mark");
    mark.textContent = letters.slice(start, end).join("");
    pieces.push(mark);
    from = end;
  }
  return [...pieces, letters.slice(from).join("")];
}
