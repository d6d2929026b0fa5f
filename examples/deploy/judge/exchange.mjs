// Calls for a page, which fetches them over HTTP: GET /call waits for the next call, GET /load/PART loads a file of it,
// POST /answer and POST /error end it.
import { buffer, text } from "node:stream/consumers";

export class Exchange {
  #current = null; // the running call, with the promise of its answer
  #page = null; // the page's request for a call, while it waits
  #broken = null;

  /** The bytes that the page answers to `message`; `load` loads the bytes of each part that the page requests. */
  call(message, load) {
    return new Promise((resolve, reject) => {
      if (this.#broken) reject(new Error(this.#broken));
      this.#current = { message, load, resolve, reject };
      this.#send();
    });
  }

  /** The page has ended: no call will be answered. */
  fail(reason) {
    this.#broken = reason;
    this.#current?.reject(new Error(reason));
  }

  /** Handles a request of the page; false for any other request. */
  async handle(request, response) {
    const [, route, part] = request.url.split("/");
    if (route === "call") this.#page = response;
    else if (route === "load") response.end(await this.#current.load(part));
    else if (route === "answer") this.#end().resolve(await buffer(request));
    else if (route === "error") this.#end().reject(new Error(await text(request)));
    else return false;
    if (route === "call") this.#send();
    else response.end();
    return true;
  }

  #send() {
    if (!this.#page || !this.#current) return;
    this.#page.end(JSON.stringify(this.#current.message));
    this.#page = null;
  }

  #end() {
    const ended = this.#current;
    this.#current = null; // the page may request the next call before it exists
    return ended;
  }
}
