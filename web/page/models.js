// The models that this page offers, and the session of the chosen one.

import { RmbgError, Session } from "./rmbg-fast.js";

const SMALL = 10e6; // bytes: fetched at once, before there is a photo
const NAMES = { "browser-guide": "as the browser guide to RMBG-1.4" };

export class Models {
  #models = [];
  #listed = null;
  #session = null; // a promise
  #key = "";

  constructor(select, recipes, about) {
    Object.assign(this, { select, recipes, about });
    select.addEventListener("change", () => this.#chosen());
  }

  /** All that is fetched before there is a photo is there: the list, and a small model. Raises RmbgError. */
  async ready() {
    await this.list();
    if (this.#models[0].bytes <= SMALL) await this.session().catch(() => {}); // said when a photo needs it
  }

  /** Reads which models there are. Raises RmbgError. */
  list() {
    return (this.#listed ??= this.#list().catch((error) => {
      this.#listed = null; // asked again at the next photo
      throw error;
    }));
  }

  async #list() {
    let found;
    try {
      found = await (await fetch("models.json")).json();
    } catch {
      throw new RmbgError("network", "the list of models cannot be fetched: is there a connection?");
    }
    this.#models = found;
    this.select.replaceChildren(...found.map(({ name, title }) => new Option(title || name, name)));
    this.#chosen();
  }

  #chosen() {
    const model = this.#model;
    this.recipes.replaceChildren(...model.recipes.map((name) => new Option(NAMES[name] ?? "the model's own", name)));
    this.recipes.value = model.recipe;
    const use = model.commercial ? "" : ", no commercial use";
    this.about.textContent = `${(model.bytes / 1e6).toFixed(1)} MB, fetched once and kept by the browser; licence: ${model.license}${use}`;
  }

  get #model() {
    return this.#models.find(({ name }) => name === this.select.value);
  }

  /** A session of the chosen model and recipe; the one before is closed. */
  async session(onProgress, signal) {
    await this.list();
    const { name, file, sha256 } = this.#model;
    const recipe = this.recipes.value;
    const key = `${name} ${recipe}`;
    if (this.#session && key !== this.#key) this.#session.then((session) => session.close(), () => {});
    if (!this.#session || key !== this.#key) {
      this.#key = key;
      const hear = (progress) => this.#hear?.(progress);
      const made = Session.load(file, { recipe, sha256, onProgress: hear });
      made.catch(() => this.#session === made && (this.#session = null));
      this.#session = made;
    }
    this.#hear = onProgress;
    return signal ? unlessAborted(this.#session, signal) : this.#session;
  }
  #hear = null;
}

/** A model's download goes on when a photo is cancelled: the next one needs it. */
function unlessAborted(promise, signal) {
  return new Promise((resolve, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    promise.then(resolve, reject);
  });
}
