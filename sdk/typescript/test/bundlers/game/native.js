// A game of React Native: Metro bundles it, a runtime without the web's extras runs it.
import { ModelServiceClient } from "hotseat";

globalThis.ask = async (baseUrl) => {
  const client = new ModelServiceClient({ baseUrl });
  const { label, source } = await client.predict("gg", { default: "ok" });
  client.close();
  return `${label} from ${source}`;
};
