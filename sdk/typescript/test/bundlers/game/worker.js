import { ModelServiceClient } from "hotseat";

addEventListener("message", async ({ data: baseUrl }) => {
  const client = new ModelServiceClient({ baseUrl });
  const { label, source } = await client.predict("gg", { default: "ok" });
  postMessage(`${label} from ${source}`);
});
