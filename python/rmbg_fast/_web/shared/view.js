// The figure: the photo and its result one over the other, with a slider between them.

const COLUMN = 960; // CSS pixels: as wide as page.css lets it be
const MOST = 2048;

/** Pixels of a side: what this screen shows. */
export const longestSide = () => Math.min(MOST, Math.round(COLUMN * Math.max(1, devicePixelRatio)));

const find = (id) => document.getElementById(id);

export class View {
  #figure = find("figure");

  constructor() {
    const slider = find("slider");
    slider.addEventListener("input", () => this.#figure.style.setProperty("--at", `${slider.value}%`));
    find("mask").addEventListener("change", (event) => this.#figure.classList.toggle("mask", event.target.checked));
    for (const id of ["coloured", "colour"]) find(id).addEventListener("input", () => this.#paint());
  }

  /** [red, green, blue], or undefined: transparent. */
  get background() {
    if (!find("coloured").checked) return undefined;
    return [1, 3, 5].map((at) => parseInt(find("colour").value.slice(at, at + 2), 16));
  }

  /** `photo` and `result`: what createImageBitmap takes, or bitmaps, which are closed. */
  async show(photo, result) {
    await draw(find("before"), photo); // one after the other: decoded, each may be large
    await draw(find("after"), result);
    find("result").hidden = false;
  }

  hide() {
    find("result").hidden = true;
    for (const id of ["before", "after"]) find(id).width = find(id).height = 1;
  }

  #paint() {
    const chosen = find("coloured").checked;
    find("colour").disabled = !chosen;
    this.#figure.style.background = chosen ? find("colour").value : "";
  }
}

async function draw(canvas, source) {
  const whole = source instanceof ImageBitmap ? source : await createImageBitmap(source);
  const scale = Math.min(1, longestSide() / Math.max(whole.width, whole.height));
  canvas.width = Math.max(1, Math.round(whole.width * scale));
  canvas.height = Math.max(1, Math.round(whole.height * scale));
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(whole, 0, 0, canvas.width, canvas.height);
  whole.close();
}
