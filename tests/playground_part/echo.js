// The smallest part: one answer.
export const title = "Echo";
export const model = "echo";

export async function show(root, { client, ask }) {
  root.textContent = "…";
  const { label } = await ask(client.predict({ days_away: 40 }, { model, default: "?" }));
  root.textContent = label;
}
