// What can go wrong, in words for the user. `kind` says what it is for a program.

export class RmbgError extends Error {
  /**
   * @param {"browser" | "image" | "image-too-large" | "option" | "model" | "network" | "memory" | "closed"} kind
   * @param {string} message
   */
  constructor(kind, message) {
    super(message);
    this.name = "RmbgError";
    this.kind = kind;
  }
}

/** An error as a message that can be posted, and back. */
export const packed = (error) => ({ name: error.name, kind: error.kind, message: error.message });
export const unpacked = ({ name, kind, message }) =>
  name === "AbortError" ? new DOMException(message, name) : new RmbgError(kind ?? "model", message);
