// A quest writer whose text keeps to a schema, and a character that keeps to its role.
export const title = "Words";
export const model = "words";

/** The first model of the kind text, if the playground has one. */
export const modelIn = (models) => Object.keys(models).find((name) => models[name].kind === "text");

const text = (most) => ({ type: "string", minLength: 3, maxLength: most });
const PLACES = ["the harbour", "the old mine", "the north gate", "the drowned chapel"];
const SCHEMA = {
  type: "object", additionalProperties: false, required: ["title", "place", "story", "steps", "gold"],
  properties: {
    title: text(40), place: { enum: PLACES }, story: text(160),
    steps: { type: "array", minItems: 2, maxItems: 3, items: text(70) },
    gold: { type: "integer", minimum: 10, maximum: 500 },
  },
};
const SPARE = {
  title: "The lost lamp", place: PLACES[1], story: "The miners' lamp did not come up with the last shift.",
  steps: ["Ask the foreman.", "Bring the lamp back."], gold: 50,
};
const PERSONAS = {
  "a smith": "You are a smith, proud and short of words. You speak of iron and of the war in the north.",
  "an innkeeper": "You are an innkeeper. You are friendly, you sell soup, and you have heard every rumour.",
  "a gate guard": "You are a guard at the gate. You let nobody in without a pass, and you are cold.",
};

export async function show(root, { client, ask, models }) {
  const name = modelIn(models);
  if (!name) {
    root.innerHTML = `<div class="panel"><h2>No text model is installed</h2>
      <p>A language model is too large for the package. Publish one, then start the playground with it:</p>
      <pre class="code">hotseat publish FOLDER --registry REGISTRY --to npc-lines
hotseat demo --registry REGISTRY --with npc-lines</pre>
      <p class="hint">Then a quest writer and a character who answers you are here.</p></div>`;
    return;
  }
  root.innerHTML = `
    <div class="columns"><div class="panel">
      <h2>A quest, as it is written</h2><p class="hint">Every piece keeps to a JSON schema: a place of the game's list, two or three steps, gold from 10 to 500.</p>
      <form class="say quest-wish"><input name="about" aria-label="What the quest is about" value="rats in the cellar" maxlength="100"><button class="primary">Write</button></form>
      <article class="quest" aria-live="polite"></article>
    </div><div class="panel">
      <h2>A character in its role</h2><p class="hint slots-hint"></p>
      <div class="row slots"></div>
      <ol class="lines" aria-live="polite"></ol>
      <form class="say talk"><input name="words" aria-label="What you say" placeholder="Say something" maxlength="200" autocomplete="off"><button class="primary">Say</button></form>
    </div></div>`;
  const $ = (selector) => root.querySelector(selector);
  const open = new Set(); // a new text ends the one before
  const cancel = () => open.forEach((stream) => stream.cancel());
  const written = async (stream, draw) => {
    cancel();
    open.clear();
    open.add(stream);
    try {
      for await (const _ of stream) draw(stream.text);
      const answer = await ask(stream.wait());
      draw(answer.text, answer);
    } catch (error) {
      if (error.name !== "CancelledError") throw error;
    }
  };

  $(".quest-wish").onsubmit = (event) => {
    event.preventDefault();
    const about = new FormData(event.target).get("about");
    const input = [{ role: "user", content: `Write a quest for a game about ${about}.` }];
    const wish = plan.messages ? filled(`Write a quest about ${about}.`) : input;
    const stream = client.say(wish, { model: name, schema: SCHEMA, maxTokens: 200, deadline: 30, default: SPARE });
    written(stream, (sofar, answer) => drawQuest($(".quest"), answer?.value ?? partial(sofar), answer));
  };

  $(".talk").onsubmit = (event) => {
    event.preventDefault();
    const words = new FormData(event.target).get("words").trim();
    if (!words) return;
    event.target.reset();
    const said = line($(".lines"), words, "you");
    const answer = line($(".lines"), "…", "them");
    const stream = client.say(filled(words), { model: name, maxTokens: 60, deadline: 15, default: "They shrug." });
    written(stream, (sofar, whole) => {
      answer.firstChild.data = sofar;
      if (whole) answer.append(note(whole));
      said.parentElement.scrollTop = said.parentElement.scrollHeight;
    });
  };

  const card = await client.card(name).catch(() => ({}));
  const plan = card.signature?.text ?? {};
  const slots = callersSlots(plan).filter((slot) => slot.name !== spokenSlot(plan));
  const fields = plan.messages ? slots : [{ name: "persona", choices: Object.keys(PERSONAS) }, { name: "place", choices: PLACES }];
  $(".slots").append(...fields.map(field));
  $(".slots-hint").textContent = plan.messages
    ? "The version's template has these slots; the page fills them and writes no prompt."
    : "This version has no template, so the page writes the role as a system message.";
  const filled = (words) => {
    const values = Object.fromEntries([...root.querySelectorAll(".slots [name]")].map((one) => [one.name, one.value]));
    if (plan.messages) return { ...values, [spokenSlot(plan)]: words };
    const role = `${PERSONAS[values.persona]} You are at ${values.place}. Answer in one or two short sentences.`;
    return [{ role: "system", content: role }, { role: "user", content: words }];
  };
}

/** The slots of a version's template that the service does not fill itself. */
function callersSlots(plan) {
  return (plan.slots ?? []).filter(({ name }) => name !== plan.retrieval?.slot);
}

/** The slot that holds what the player says: `prompt`, `words`, else the last free one. */
export function spokenSlot(plan) {
  const names = callersSlots(plan).filter(({ choices }) => !choices).map(({ name }) => name);
  return ["prompt", "words"].find((name) => names.includes(name)) ?? names.at(-1) ?? "prompt";
}

function field({ name, choices, default: usual }) {
  const label = document.createElement("label");
  label.append(`${name.replaceAll("_", " ")} `);
  const input = document.createElement(choices ? "select" : "input");
  if (choices) input.append(...choices.map((one) => new Option(one, one, one === usual, one === usual)));
  else input.value = usual ?? "";
  input.name = name;
  label.append(input);
  return label;
}

function line(list, words, who) {
  const item = document.createElement("li");
  item.className = who;
  item.append(document.createTextNode(words));
  list.append(item);
  return item;
}

function note({ finish_reason, first_latency, completion_tokens, latency, reason }) {
  const small = document.createElement("small");
  const speed = completion_tokens && latency ? ` · ${Math.round(completion_tokens / latency)} tokens/s` : "";
  const first = first_latency === null ? "" : ` · first word after ${Math.round(1000 * first_latency)} ms`;
  small.textContent = `${finish_reason}${first}${speed}${reason ? ` · ${reason}` : ""}`;
  return small;
}

function drawQuest(place, quest, answer) {
  if (!quest) return;
  const heading = document.createElement("h3");
  heading.textContent = quest.title ?? "";
  const story = document.createElement("p");
  story.textContent = [quest.place && `At ${quest.place}.`, quest.story].filter(Boolean).join(" ");
  const steps = document.createElement("ol");
  steps.append(...(quest.steps ?? []).map((step) => Object.assign(document.createElement("li"), { textContent: step })));
  const gold = document.createElement("p");
  if (answer && quest.gold !== undefined) gold.textContent = `Reward: ${quest.gold} gold`;
  place.replaceChildren(heading, story, steps, gold, ...(answer ? [note(answer)] : []));
}

/** What of a JSON text is there already: its open strings, lists and objects are closed. */
export function partial(sofar) {
  for (let end = sofar.length; end > 0; end -= 1) {
    const closers = [];
    let inText = false;
    for (let at = 0; at < end; at += 1) {
      const letter = sofar[at];
      if (inText && letter === "\\") at += 1;
      else if (letter === '"') inText = !inText;
      else if (!inText && "{[".includes(letter)) closers.unshift(letter === "{" ? "}" : "]");
      else if (!inText && "}]".includes(letter)) closers.shift();
    }
    try {
      return JSON.parse(sofar.slice(0, end) + (inText ? '"' : "") + closers.join(""));
    } catch { /* it ends within a name or after a comma: look before */ }
  }
  return null;
}
