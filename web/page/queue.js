// The photos of a visit, one worked on after another.

/** Photos that may wait or be kept at once. */
export const MOST = 50;

export class Queue extends EventTarget {
  items = [];
  #work;
  #running = null;
  #number = 0;

  /** `work(item, signal)` does one photo; what it throws is the item's error. */
  constructor(work) {
    super();
    this.#work = work;
  }

  /** Of these files as many as there is room for; gives how many were left out. */
  add(files) {
    const taken = files.slice(0, MOST - this.items.length);
    for (const file of taken) this.items.push({ id: ++this.#number, file, state: "waiting", png: null, error: "" });
    this.#changed();
    this.#next();
    return files.length - taken.length;
  }

  remove(item) {
    if (item.state === "running") this.#running.abort();
    this.items = this.items.filter((one) => one !== item);
    this.#changed();
  }

  retry(item) {
    this.set(item, "waiting");
    this.#next();
  }

  /** What runs is stopped, what waits is not begun. */
  cancel() {
    for (const item of this.items) if (item.state === "waiting") item.state = "cancelled";
    this.#running?.abort();
    this.#changed();
  }

  get busy() {
    return this.#running !== null;
  }

  set(item, state, error = "") {
    Object.assign(item, { state, error });
    this.#changed();
  }

  async #next() {
    if (this.#running) return;
    const item = this.items.find(({ state }) => state === "waiting");
    if (!item) return;
    this.#running = new AbortController();
    this.set(item, "running");
    try {
      await this.#work(item, this.#running.signal);
      this.set(item, "done");
    } catch (error) {
      if (error.name === "AbortError") this.set(item, "cancelled");
      else this.set(item, "failed", error.message);
    }
    this.#running = null;
    this.#changed();
    this.#next();
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}
