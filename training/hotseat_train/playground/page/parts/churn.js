// Sliders of a made-up player, the probability that they leave, and why.
export const title = "Churn";
export const model = "made-up-churn";

const FIELDS = [
  ["days_away", "days away", 0, 60, 14], ["sessions_a_week", "sessions a week", 0, 30, 2], ["friends", "friends", 0, 50, 6],
  ["level", "level", 1, 100, 30], ["purchases", "purchases", 0, 20, 1], ["defeats_in_a_row", "defeats in a row", 0, 20, 5],
];

export function show(root, { client, ask }) {
  root.innerHTML = `
    <div class="columns"><div>
      <h2>Will this player leave?</h2><p class="hint">A model of made-up players: move the sliders. Version 2 also looks at defeats.</p>
      ${FIELDS.map(([name, words, least, most, value]) =>
        `<label class="slider"><span>${words}</span><input type="range" name="${name}" min="${least}" max="${most}" value="${value}"><output>${value}</output></label>`).join("")}
    </div><div class="panel"><h2>Probability of leaving</h2>
      <p class="risk" role="status">–</p><p class="hint">What speaks for leaving (red) and for staying (green):</p>
      <ul class="bars"></ul><p class="note hint"></p>
    </div></div>`;
  const $ = (selector) => root.querySelector(selector);
  let number = 0;

  async function judge() {
    const mine = (number += 1);
    const player = Object.fromEntries([...root.querySelectorAll("input")].map(({ name, value }) => [name, Number(value)]));
    const answer = await ask(client.predict(player, { model, default: "unknown" }));
    if (mine !== number) return; // the slider moved on
    const risk = answer.scores.leaves;
    $(".risk").textContent = risk === undefined ? "unknown" : `${Math.round(100 * risk)} %`;
    const unused = answer.warnings.filter(({ code }) => code === "unknown_field").map(({ pointer }) => pointer.split("/").at(-1));
    $(".note").textContent = unused.length ? `Version ${answer.version} does not know ${unused.join(", ").replaceAll("_", " ")}.` : "";
    if (answer.is_default) return $(".bars").replaceChildren();
    const why = await client.explain(player, { model, default: null });
    if (mine !== number || why.is_default) return undefined;
    const sign = why.label === "leaves" ? 1 : -1; // weights speak for the label
    const most = Math.max(...why.parts.map(({ weight }) => Math.abs(weight)), 1e-9);
    $(".bars").replaceChildren(...why.parts.map(({ part, weight }) => {
      const item = document.createElement("li");
      const [label, bar, share] = ["span", "span", "output"].map((tag) => document.createElement(tag));
      label.textContent = part.replaceAll("_", " ");
      bar.className = `bar ${sign * weight > 0 ? "plus" : "minus"}`;
      bar.style.width = `${(100 * Math.abs(weight)) / most}%`;
      share.textContent = (sign * weight > 0 ? "+" : "−") + Math.abs(100 * weight).toFixed(0);
      item.append(label, bar, share);
      return item;
    }));
    return undefined;
  }

  for (const input of root.querySelectorAll("input")) {
    input.oninput = () => {
      input.nextElementSibling.value = input.value;
      judge();
    };
  }
  judge();
}
