// A helper: an instance of the module over the session's memory, which waits for work until the worker is ended.

import { helpForever, instantiate } from "./core.js";
import { packed, RmbgError } from "./errors.js";

addEventListener("message", async ({ data: { compiled, memory, place, channel } }) => {
  const core = await instantiate(compiled, memory);
  postMessage("ready");
  try {
    helpForever(core, place);
  } catch (error) {
    const said = error instanceof RmbgError ? error : new RmbgError("browser", `a thread failed: ${error.message}`);
    new BroadcastChannel(channel).postMessage(packed(said));
  }
});
