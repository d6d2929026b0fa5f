// The graphs of peerspec.export, from a Python in which it is installed.
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

export class Graphs {
  #python;
  #lines;
  #known = new Map();

  /** `python` is an interpreter in which peerspec is installed; throws an Error if it is not. */
  static async open(python) {
    const graphs = new Graphs(python);
    if ((await graphs.#line()) !== "ready") throw new Error(`${python} cannot import peerspec.export; name a Python that can`);
    return graphs;
  }

  constructor(python) {
    const program = fileURLToPath(new URL("graphs.py", import.meta.url));
    this.#python = spawn(python, [program], { stdio: ["pipe", "pipe", "inherit"] });
    this.#python.on("error", () => {}); // a missing program: the first read reports it
    this.#lines = createInterface({ input: this.#python.stdout })[Symbol.asyncIterator]();
  }

  /** The bytes of the graph `name`, a request of graphs.py in JSON. */
  async get(name) {
    if (!this.#known.has(name)) {
      this.#python.stdin.write(name + "\n");
      this.#known.set(name, Buffer.from(await this.#line(), "base64"));
    }
    return this.#known.get(name);
  }

  close() {
    this.#python.stdin.end();
  }

  async #line() {
    const { value } = await this.#lines.next();
    return value;
  }
}
