// Questions for a page, which asks for them over HTTP and sends back what it found: GET /question, which waits for one,
// GET /load/PART for the files of it, POST /answer or POST /error.
import { buffer, text } from "node:stream/consumers";

export class Exchange {
  #asked = null; // the question under way, with the promise of its answer
  #page = null; // the page's request for a question, while it waits
  #broken = null;

  /** The bytes that the page answers; `load` brings the bytes of each part that it asks for. */
  ask(question, load) {
    return new Promise((resolve, reject) => {
      if (this.#broken) reject(new Error(this.#broken));
      this.#asked = { question, load, resolve, reject };
      this.#hand();
    });
  }

  /** There is no page any more: no question will be answered. */
  fail(reason) {
    this.#broken = reason;
    this.#asked?.reject(new Error(reason));
  }

  /** Answers a request of the page; false where it asks for something else. */
  async serve(request, response) {
    const [, route, part] = request.url.split("/");
    if (route === "question") this.#page = response;
    else if (route === "load") response.end(await this.#asked.load(part));
    else if (route === "answer") this.#end().resolve(await buffer(request));
    else if (route === "error") this.#end().reject(new Error(await text(request)));
    else return false;
    if (route === "question") this.#hand();
    else response.end();
    return true;
  }

  #hand() {
    if (!this.#page || !this.#asked) return;
    this.#page.end(JSON.stringify(this.#asked.question));
    this.#page = null;
  }

  #end() {
    const asked = this.#asked;
    this.#asked = null; // the page may ask for the next question before there is one
    return asked;
  }
}
