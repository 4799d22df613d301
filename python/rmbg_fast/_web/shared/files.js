// Photos come into a page, results leave it.

/** Calls `take` with the files that people choose, drop anywhere, or paste. */
export function onFiles(take) {
  document.getElementById("files").addEventListener("change", ({ target }) => {
    if (target.files.length) take([...target.files]);
    target.value = ""; // the same file may be chosen again
  });
  addEventListener("paste", ({ clipboardData }) => clipboardData?.files.length && take([...clipboardData.files]));
  addEventListener("dragover", (event) => {
    event.preventDefault();
    document.body.classList.add("dropping");
  });
  addEventListener("dragleave", ({ relatedTarget }) => relatedTarget || document.body.classList.remove("dropping"));
  addEventListener("drop", (event) => {
    event.preventDefault();
    document.body.classList.remove("dropping");
    if (event.dataTransfer.files.length) take([...event.dataTransfer.files]);
  });
}

export const isPicture = ({ type }) => !type || type.startsWith("image/");

/** Hands the cut-out of a photo out as a download. */
export function save(file, photo) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(file);
  link.download = `${photo.name.replace(/\.[^.]*$/, "") || "photo"}-cutout.png`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
