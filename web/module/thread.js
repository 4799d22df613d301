// A helper: an instance of the module over the session's memory, which waits for work until the worker is ended.

import { helpForever, instantiate } from "./core.js";

addEventListener("message", async ({ data: { compiled, memory, place } }) => {
  const core = await instantiate(compiled, memory);
  postMessage("ready");
  helpForever(core, place);
});
