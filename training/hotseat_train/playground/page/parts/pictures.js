// A picture that a player would show: the words in it, where they stand, whether it is hidden.
export const title = "Pictures";
export const model = "pictures";

/** The first pipeline, if the playground has one. */
export const modelIn = (models) => Object.keys(models).find((name) => models[name].kind === "pipeline");

const LARGEST = 1280; // pixels of a side; more are of no use to the models, and long on the way
const SIGNS = ["WELCOME TO RIVERTON", "you are trash"];

export function show(root, { client, ask, models }) {
  const name = modelIn(models);
  if (!name) {
    root.innerHTML = `<div class="panel"><h2>No picture moderation is installed</h2>
      <p>Its graphs are too large for the package. Publish a pipeline, then start the playground with it:</p>
      <pre class="code">hotseat publish image-moderation.toml --registry REGISTRY
hotseat demo --registry REGISTRY --with image-moderation@1</pre>
      <p class="hint">Then you can show it a picture here.</p></div>`;
    return;
  }
  root.innerHTML = `
    <div class="columns"><div class="panel">
      <h2>What a player shows</h2><p class="hint">Choose a picture, paste or drop one, or paint a sign. Nothing leaves this computer.</p>
      <p class="row"><label class="file">Choose a picture<input type="file" accept="image/png,image/jpeg,image/webp"></label></p>
      <form class="say sign"><input name="words" aria-label="Words of a sign" placeholder="Words of a sign" maxlength="80" autocomplete="off"><button class="primary">Paint</button></form>
      <p class="hint row tries"></p>
      <div class="picture" aria-live="polite"></div>
    </div><div class="panel">
      <h2>What a moderator sees</h2><p class="hint">The lines that were read, and the reasons: a step, its label, how sure it is.</p>
      <p class="verdict"></p><ol class="lines found"></ol>
    </div></div>`;
  const $ = (selector) => root.querySelector(selector);
  let latest = 0; // an answer to a picture before is drawn nowhere

  async function judge(source) {
    const own = (latest += 1);
    $(".verdict").textContent = "…";
    $(".found").replaceChildren();
    $(".picture").replaceChildren();
    let canvas;
    try {
      canvas = await fitted(source);
    } catch {
      $(".verdict").textContent = "This is no picture that a browser can read.";
      return;
    }
    const bytes = new Uint8Array(await (await blobOf(canvas)).arrayBuffer());
    // without an answer nobody sees it: what is not judged is not shown
    const answer = await ask(client.predict(bytes, { model: name, default: "flagged", deadline: 15 }));
    if (own === latest) draw(root, canvas, answer);
  }

  $("input[type=file]").onchange = ({ target }) => target.files[0] && judge(target.files[0]);
  $(".sign").onsubmit = (event) => {
    event.preventDefault();
    const words = new FormData(event.target).get("words").trim();
    if (words) judge(painted(words));
  };
  $(".tries").append("Try: ", ...SIGNS.map((text) => Object.assign(document.createElement("button"), {
    type: "button", textContent: text, onclick: () => judge(painted(text)),
  })));
  const given = (event, files) => {
    const file = [...files].find((one) => one.type.startsWith("image/"));
    if (!file) return;
    event.preventDefault();
    judge(file);
  };
  root.ondragover = (event) => event.preventDefault();
  root.ondrop = (event) => given(event, event.dataTransfer.files);
  // pasting goes to the page, as long as this part is on it
  const paste = (event) => {
    if (root.isConnected) given(event, event.clipboardData.files);
    else document.removeEventListener("paste", paste);
  };
  document.addEventListener("paste", paste);
}

/** A picture on a canvas, at most LARGEST pixels wide and high. */
async function fitted(source) {
  if (source instanceof HTMLCanvasElement) return source;
  const picture = await createImageBitmap(source);
  const scale = Math.min(1, LARGEST / Math.max(picture.width, picture.height));
  const canvas = canvasOf(Math.max(1, Math.round(picture.width * scale)), Math.max(1, Math.round(picture.height * scale)));
  canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
  return canvas;
}

/** A wooden sign with words, in lines of about 20 letters. */
function painted(words) {
  const canvas = canvasOf(640, 360);
  const pen = canvas.getContext("2d");
  pen.fillStyle = "#2d4a3a";
  pen.fillRect(0, 0, 640, 360);
  pen.fillStyle = "#8a5f35";
  pen.fillRect(60, 60, 520, 200);
  pen.fillRect(300, 260, 40, 100);
  const lines = [""];
  for (const word of words.split(/\s+/)) {
    const last = lines.length - 1;
    if (lines[last] && lines[last].length + word.length > 20) lines.push(word);
    else lines[last] = `${lines[last]} ${word}`.trim();
  }
  pen.fillStyle = "#f5ead2";
  pen.font = "36px sans-serif";
  pen.textAlign = "center";
  pen.textBaseline = "middle";
  lines.forEach((line, at) => pen.fillText(line, 320, 160 + 46 * (at - (lines.length - 1) / 2), 490));
  return canvas;
}

function canvasOf(width, height) {
  return Object.assign(document.createElement("canvas"), { width, height });
}

const blobOf = (canvas) => new Promise((resolve) => canvas.toBlob(resolve, "image/png"));

function draw(root, canvas, answer) {
  const { lines = [], reasons = [] } = answer.raw ?? {};
  const isHidden = answer.label !== "ok";
  const flagged = new Set(reasons.flatMap(({ boxes = [] }) => boxes.map(String)));
  const svg = element("svg", { viewBox: `0 0 ${canvas.width} ${canvas.height}`, "aria-hidden": "true" });
  for (const { box } of lines) {
    const kind = flagged.has(String(box)) ? "bad" : "read";
    svg.append(element("polygon", { points: box.map((corner) => corner.join()).join(" "), class: kind }));
  }
  const label = isHidden ? "The picture, blurred: players do not see it" : "The picture";
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", label);
  const place = root.querySelector(".picture");
  place.classList.toggle("hidden", isHidden);
  place.replaceChildren(canvas, svg);
  root.querySelector(".verdict").textContent = answer.is_default
    ? "Not judged, so hidden." : isHidden ? "Hidden." : "Shown: nothing speaks against it.";
  const notes = reasons.map(({ step, label: found, probability, text }) =>
    item(text ? `“${text}”` : "the picture itself", `${step}: ${found} ${Math.round(100 * probability)} %`, "bad"));
  const read = lines.map(({ text, probability }) => item(text, `read with ${Math.round(100 * probability)} %`, ""));
  root.querySelector(".found").replaceChildren(...notes, ...read);
}

function item(words, note, kind) {
  const one = Object.assign(document.createElement("li"), { className: kind, textContent: words });
  one.append(Object.assign(document.createElement("small"), { textContent: note }));
  return one;
}

function element(name, attributes) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}
