// The shell: one client for all parts, a cable to pull, the last answer, moves of live.
//
// A part is a module with `title`, `model` and `show(root, tools)`. Add yours to PARTS, or
// bring it in a package of your own: the entry points `hotseat.playground_parts`.
// A part whose model is found only in the registry exports `modelIn(models)` besides.
// tools: client, ask(call) to await an answer and show its source, models by name.
import { Device, ModelServiceClient } from "./vendor/hotseat.js";
import * as connectFour from "./parts/connect-four.js";
import * as chat from "./parts/chat.js";
import * as levels from "./parts/levels.js";
import * as churn from "./parts/churn.js";
import * as words from "./parts/words.js";
import * as pictures from "./parts/pictures.js";

const PARTS = [connectFour, chat, levels, churn, words, pictures];
const SOURCES = {
  service: "the service", cache: "the cache", offline: "this device", default: "nobody: the default",
};
const $ = (id) => document.getElementById(id);

let isPlugged = true;
let state = { models: {}, price: null, parts: [] };
let part = PARTS[0];

const client = new ModelServiceClient({
  baseUrl: location.origin,
  deadline: 5,
  retries: 1, // with the cable pulled, the device answers soon
  offline: new Device({ runtime: () => import("./vendor/ort.wasm.bundle.min.mjs") }),
  // what a pulled cable does to a request
  fetch: (...given) => (isPlugged ? fetch(...given) : Promise.reject(new TypeError("no network"))),
});

const nameOf = (one) => one.modelIn?.(state.models) ?? one.model;

/** Await an answer and show where it came from; returns it. */
async function ask(call) {
  const answer = await call;
  $("source").textContent = SOURCES[answer.source];
  $("source").className = answer.source;
  $("latency").textContent = answer.is_default ? "–" : `${(1000 * answer.latency).toFixed(0)} ms`;
  $("version").textContent = answer.model ? `${answer.model}@${answer.version}` : answer.reason ?? "–";
  const { price } = state;
  const ms = Math.ceil(1000 * answer.latency);
  $("cost").textContent =
    answer.source !== "service" ? "$0" : price ? `$${(1e6 * (price.request + ms * price.millisecond)).toFixed(2)}` : "–";
  return answer;
}

function select(chosen, focus = false) {
  part = chosen;
  for (const tab of document.querySelectorAll("[role=tab]")) {
    const isOn = tab.dataset.model === part.model;
    tab.setAttribute("aria-selected", isOn);
    tab.tabIndex = isOn ? 0 : -1;
    if (isOn && focus) tab.focus();
    if (isOn) $("part").setAttribute("aria-labelledby", tab.id);
  }
  // a place of its own: what a part before still waits for is drawn where nobody looks
  const place = document.createElement("div");
  $("part").replaceChildren(place);
  $("moved").textContent = "";
  part.show(place, { client, ask, models: state.models });
  showVersions();
}

function showVersions() {
  const { versions = [], live } = state.models[nameOf(part)] ?? {};
  $("versions").replaceChildren(...versions.map((number) => {
    const isLive = number === live;
    return new Option(isLive ? `${number} (live)` : number, number, isLive, isLive);
  }));
  $("promote").disabled = $("rollback").disabled = versions.length < 2;
}

async function move(path, what) {
  const answer = await fetch(`play/${path}`, { method: "POST", headers: { "x-hotseat-playground": "1" } });
  const body = await answer.json();
  if (answer.ok) state = body;
  $("moved").textContent = answer.ok ? what(state.models[nameOf(part)].live) : body.detail;
  showVersions();
  await download(nameOf(part));
}

/** Bring a version to this device, for answers while the cable is pulled. */
const download = (model) => client.download(`${model}#live`, { refresh: 0 }).then(
  () => document.body.classList.add(`has-${model}`), () => {}, // some models need the service
);

$("cable").onclick = () => {
  isPlugged = !isPlugged;
  $("cable").setAttribute("aria-checked", isPlugged);
  $("cable").lastElementChild.textContent = isPlugged ? "Cable plugged in" : "Cable pulled";
};
$("promote").onclick = () =>
  move(`promote/${nameOf(part)}/${$("versions").value}`, (live) => `Version ${live} is live.`);
$("rollback").onclick = () => move(`rollback/${nameOf(part)}`, (live) => `Back on version ${live}.`);

const tabs = document.querySelector("[role=tablist]");
function addTab(one) {
  const tab = document.createElement("button");
  Object.assign(tab, { id: `tab-${one.model}`, role: "tab", textContent: one.title, tabIndex: -1, onclick: () => select(one) });
  tab.setAttribute("aria-controls", "part");
  tab.setAttribute("aria-selected", false);
  tab.dataset.model = one.model;
  tabs.append(tab);
}
PARTS.forEach(addTab);
tabs.onkeydown = ({ key }) => {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[key];
  if (step) select(PARTS.at((PARTS.indexOf(part) + step) % PARTS.length), true);
};
select(PARTS[0]);
state = await (await fetch("play/models")).json();
if (part.modelIn) select(part); // it was shown before the models were known
showVersions();
for (const name of state.parts) { // of other packages
  try {
    const plugged = await import(`./plugged/${name}.js`);
    PARTS.push(plugged);
    addTab(plugged);
  } catch (error) {
    console.warn(`the part ${name} is left out`, error);
  }
}
// after the first paint: when they are here, the parts go on without the cable
for (const one of PARTS) if (state.models[nameOf(one)]) await download(nameOf(one));
document.body.classList.add("ready");
