// What a game bundles: the client in a React component, in a worker, and the offline model.
import { StrictMode, createElement, useEffect, useState } from "react";
import { createRoot } from "react-dom/client";
import { ModelServiceClient } from "hotseat";

const done = (name, value) => { document.body.dataset[name] = value; };

function Label({ text }) {
  const [label, setLabel] = useState(null);
  useEffect(() => { // StrictMode mounts twice: the first client is closed in between
    const client = new ModelServiceClient({ baseUrl: location.origin });
    let isShown = true;
    client.predict(text, { default: "ok" }).then((answer) => {
      if (isShown) setLabel(`${answer.label} from ${answer.source}`);
    }, () => {}); // closed: CancelledError
    return () => {
      isShown = false;
      client.close();
    };
  }, [text]);
  useEffect(() => { if (label) done("react", label); }, [label]);
  return createElement("p", null, label);
}
createRoot(document.getElementById("game")).render(
  createElement(StrictMode, null, createElement(Label, { text: "gg" })),
);

const worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
worker.onmessage = ({ data }) => done("worker", data);
worker.onerror = (error) => done("worker", `failed: ${error.message}`);
worker.postMessage(location.origin);

import("./offline.js").then(({ doubled }) => doubled()).then(
  (value) => done("offline", value), (error) => done("offline", `failed: ${error}`),
);
