// Every vector of texts, in Node and in a browser: what differs, as lines.
const WAYS = {
  async loop(stream) {
    let shown = "";
    for await (const piece of stream) shown += piece;
    return [shown, await stream.wait()];
  },
  async frames(stream) {
    let shown = "";
    for (let over = false; !over;) {
      over = stream.ready();
      shown += stream.take();
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    return [shown, stream.result()];
  },
};

export async function differences(sdk, rows, url) {
  const wrong = [];
  for (const mode of ["whole", "bytes", "slow"]) {
    for (const [at, row] of rows.entries()) {
      for (const [way, read] of Object.entries(WAYS)) {
        const client = new sdk.ModelServiceClient({ baseUrl: `${url}/${mode}/${at}`, deadline: 20 });
        const { input, max_tokens: maxTokens, top_p: topP, player_id: playerId, ...more } = row.call;
        const options = Object.entries({ model: "npc", deadline: 20, maxTokens, topP, playerId, ...more });
        const given = Object.fromEntries(options.filter(([, value]) => value !== undefined));
        if (row.first) await client.say("First.", given).wait();
        const stream = client.say(input, given);
        const found = {};
        try {
          const [shown, answer] = await read(stream);
          for (const name of Object.keys(row.answer ?? {})) found[name] = answer[name];
          found.reason = answer.reason?.split(":")[0] ?? null;
          found.shown = shown;
        } catch (error) {
          found.error = error.name;
          found.shown = stream.text;
        }
        const wanted = { ...(row.answer ?? { error: row.error }), shown: row.shown };
        const [one, other] = [found, wanted].map((all) => JSON.stringify(Object.entries(all).sort()));
        if (one !== other) wrong.push(`${row.name} (${mode}, ${way}): ${one} is not ${other}`);
      }
    }
  }
  return wrong;
}

/** Cancel an endless text after its first piece, by leaving the loop and as a frame does. */
export async function left(sdk, url) {
  const client = new sdk.ModelServiceClient({ baseUrl: `${url}/endless` });
  const given = { model: "npc", deadline: 60, default: "Hm." };
  for await (const piece of client.say("Sing.", given)) if (piece) break;
  const stream = client.say("Sing.", given);
  while (!stream.take()) await new Promise((resolve) => setTimeout(resolve, 1));
  const open = [stream.cancel(), stream.cancel()];
  const name = await stream.wait().catch((error) => error.name);
  for (let look = 0; look < 2000; look += 1) {
    if ((await (await fetch(`${url}/closed`)).json()).closed >= 2) return [...open, name, stream.text.slice(0, 3)];
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return "the texts went on after their cancellation";
}
