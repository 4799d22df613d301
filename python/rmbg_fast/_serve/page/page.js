// The service's page: one photo goes to the server, its cut-out comes back.

import { isPicture, onFiles, save } from "./files.js";
import { View } from "./view.js";

const find = (id) => document.getElementById(id);
const view = new View();
let last = null; // the photo that was chosen last
let result = null; // its cut-out
let stop = null; // an AbortController while something is under way

const say = (text) => (find("status").textContent = text);
const warn = (text) => (find("alert").textContent = text);

/** The answer to a photo. `onProgress` gets the share that is sent, then null while the server works. */
function ask(photo, options, signal, onProgress) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest(); // fetch tells nothing of what is sent
    request.open("POST", `v1/remove?${new URLSearchParams(options)}`);
    request.setRequestHeader("Content-Type", photo.type.startsWith("image/") ? photo.type : "application/octet-stream");
    request.responseType = "blob";
    request.upload.onprogress = ({ loaded, total }) => onProgress(loaded / total);
    request.upload.onload = () => onProgress(null);
    request.onload = () => (request.status === 200 ? resolve(request) : problem(request).then(reject));
    request.onerror = () => reject(new Error("the server cannot be reached"));
    request.onabort = () => reject(new DOMException("cancelled", "AbortError"));
    signal.addEventListener("abort", () => request.abort());
    request.send(photo);
  });
}

async function problem(request) {
  try {
    const after = request.getResponseHeader("Retry-After");
    const { detail } = JSON.parse(await request.response.text());
    return new Error(after ? `${detail}; try again in ${after} s` : detail);
  } catch {
    return new Error(`the server answered ${request.status}`);
  }
}

function progress(share) {
  if (share === null) find("progress").removeAttribute("value");
  else find("progress").value = share;
}

/** Ask, with progress, cancelling and what went wrong; undefined where it did. */
async function asked(options) {
  stop?.abort();
  const mine = (stop = new AbortController());
  warn("");
  find("progress").hidden = find("cancel").hidden = false;
  find("retry").hidden = true;
  progress(0);
  say(`${last.name}: sending`);
  try {
    return await ask(last, { model: find("model").value, ...options }, mine.signal, (share) => {
      progress(share);
      if (share === null) say(`${last.name}: removing the background`);
    });
  } catch (error) {
    if (stop !== mine) return undefined; // another photo has taken its place
    say(error.name === "AbortError" ? `${last.name}: cancelled` : "");
    if (error.name !== "AbortError") warn(`${last.name}: ${error.message}`);
    find("retry").hidden = false;
    return undefined;
  } finally {
    if (stop === mine) {
      stop = null;
      find("progress").hidden = find("cancel").hidden = true;
    }
  }
}

async function cutOut() {
  result = null;
  find("download").disabled = true;
  const start = performance.now();
  const answer = await asked({ format: "png" });
  if (!answer) return;
  const empty = answer.getResponseHeader("X-Rmbg-Empty");
  result = answer.response;
  find("result-title").textContent = last.name;
  await view.show(last, result).catch(() => view.show(result, result)); // a photo that the browser cannot read
  find("size").textContent = `${(result.size / 1e6).toFixed(2)} MB`;
  find("download").disabled = false;
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  say(empty ? `${last.name}: no subject was found: ${empty}` : `${last.name}: done in ${seconds} s`);
}

async function download() {
  const colour = view.background && `#${view.background.map((part) => part.toString(16).padStart(2, "0")).join("")}`;
  const file = colour ? (await asked({ format: "png", background: colour }))?.response : result;
  if (!file) return;
  if (colour) say(`${last.name}: done`);
  save(file, last);
}

onFiles((files) => {
  const photo = files.find(isPicture);
  if (!photo) return warn("Only pictures are taken.");
  last = photo;
  return cutOut();
});
find("cancel").addEventListener("click", () => stop?.abort());
addEventListener("keydown", ({ key }) => key === "Escape" && stop?.abort());
find("retry").addEventListener("click", cutOut);
find("download").addEventListener("click", download);

const models = await fetch("v1/models").then((answer) => (answer.ok ? answer.json() : { models: [] }));
for (const { name, title, license } of models.models) {
  const option = new Option(title || name, name);
  option.title = license;
  find("model").append(option);
}
if (!models.models.length) warn("The server is loading its models: open this page again in a moment.");
