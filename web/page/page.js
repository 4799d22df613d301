// The page: photos come in, results go out. The work is the session's, in its own worker.

import { coreFile } from "./core.js";
import { isPicture, onFiles, save } from "./files.js";
import { Models } from "./models.js";
import { MOST, Queue } from "./queue.js";
import { longestSide, View } from "./view.js";

const find = (id) => document.getElementById(id);
const view = new View();
const models = new Models(find("model"), find("recipe"), find("about"));
const queue = new Queue(work);
let shown = null; // the item of the figure

const say = (text) => {
  if (find("status").textContent !== text) find("status").textContent = text;
};
const warn = (text) => (find("alert").textContent = text);
const percent = (share) => `${Math.floor(share * 10) * 10} %`; // in tens: it is read out

function progress(share) {
  find("progress").hidden = share === null;
  if (share !== null) find("progress").value = share;
}

// --- one photo

async function work(item, signal) {
  warn("");
  progress(0);
  const { name } = item.file;
  const start = performance.now();
  try {
    const session = await models.session(({ loaded, total }) => {
      progress(loaded / total);
      say(`Loading the model: ${percent(loaded / total)}`);
    }, signal);
    say(`${name}: removing the background`);
    progress(0);
    const onProgress = (share) => {
      progress(share);
      say(`${name}: removing the background, ${percent(share)}`);
    };
    let preview;
    const onPreview = ({ photo, result }) => {
      preview = show(item, photo, result);
      say(`${name}: writing the PNG`);
    };
    const options = { onProgress, onPreview, previewSize: longestSide(), signal };
    const { file, width, height, subject, problem } = await session.removeToPng(item.file, options);
    await preview;
    item.png = file;
    item.size = `${width} × ${height}`;
    const seconds = ((performance.now() - start) / 1000).toFixed(1);
    say(subject ? `${name}: done in ${seconds} s` : `${name}: no subject was found: ${problem}`);
  } catch (error) {
    say(error.name === "AbortError" ? `${name}: cancelled` : "");
    if (error.name !== "AbortError") warn(`${name}: ${error.message}`);
    throw error;
  } finally {
    progress(null);
  }
}

async function show(item, photo, result) {
  shown = item;
  find("result-title").textContent = item.file.name;
  await view.show(photo, result);
}

/** The file to hand out: with a background colour it is made anew, without the network where it was the last photo. */
async function fileOf(item) {
  const { background } = view;
  if (!background) return item.png;
  const session = await models.session();
  return (await session.removeToPng(item.file, { background })).file;
}

// --- what people do

onFiles((files) => {
  const photos = files.filter(isPicture);
  if (photos.length < files.length) warn("Only pictures are taken.");
  const left = queue.add(photos);
  if (left) warn(`At most ${MOST} photos are kept at once: ${left} were left out. Remove some from the list first.`);
});

const cancel = () => queue.busy && queue.cancel();
find("cancel").addEventListener("click", cancel);
addEventListener("keydown", (event) => event.key === "Escape" && cancel());
find("retry").addEventListener("click", () => {
  warn("");
  for (const item of queue.items) if (item.state === "failed" || item.state === "cancelled") queue.retry(item);
});

find("download").addEventListener("click", () => give("download"));
find("copy").addEventListener("click", () => give("copy"));

async function give(how) {
  const item = shown;
  warn("");
  try {
    if (how === "copy") {
      // Handed over as a promise: the click's permission would be gone after a wait.
      await navigator.clipboard.write([new ClipboardItem({ "image/png": fileOf(item) })]);
      say("Copied");
      return;
    }
    save(await fileOf(item), item.file);
  } catch (error) {
    warn(how === "copy" ? `It cannot be copied: ${error.message}` : error.message);
  }
}

// --- what is shown of the queue

const WORDS = { waiting: "waits", running: "is being worked on", done: "done", cancelled: "cancelled", failed: "failed" };

queue.addEventListener("change", () => {
  const { items, busy } = queue;
  if (shown && !items.includes(shown)) {
    shown = null;
    view.hide();
  }
  find("cancel").hidden = !busy;
  find("retry").hidden = busy || !items.some(({ state }) => state === "failed" || state === "cancelled");
  for (const id of ["download", "copy"]) find(id).disabled = !shown?.png;
  find("size").textContent = shown?.png ? `${shown.size} pixels, ${(shown.png.size / 1e6).toFixed(1)} MB` : "";
  find("list-section").hidden = items.length === 0;
  const buttons = () => [...find("list").querySelectorAll("button")];
  const focused = buttons().indexOf(document.activeElement);
  find("list").replaceChildren(...items.map(entry));
  if (focused >= 0) (buttons()[Math.min(focused, buttons().length - 1)] ?? find("files")).focus();
});

function entry(item) {
  const line = document.createElement("li");
  if (item === shown) line.setAttribute("aria-current", "true");
  const name = document.createElement("span");
  name.className = "name";
  name.textContent = item.file.name || "pasted picture";
  const state = document.createElement("span");
  state.className = item.state === "failed" ? "bad" : "small";
  state.textContent = WORDS[item.state];
  line.append(name, state);
  const button = (text, action) => {
    const made = document.createElement("button");
    made.type = "button";
    made.textContent = text;
    made.setAttribute("aria-label", `${text} ${name.textContent}`);
    made.addEventListener("click", action);
    line.append(made);
  };
  if (item.state === "done" && item !== shown) {
    button("Show", async () => {
      await show(item, item.file, item.png);
      queue.dispatchEvent(new Event("change"));
    });
  }
  if (item.state !== "running") button("Remove", () => queue.remove(item));
  return line;
}

addEventListener("error", (event) => warn(event.message));
models
  .ready()
  .catch((error) => warn(error.message))
  // Only now: it fetches every file once more. Without it the page works, but not offline.
  .then(() => navigator.serviceWorker?.register(`service-worker.js?core=${coreFile()}`))
  .catch(() => {});
