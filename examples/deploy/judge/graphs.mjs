// The graphs that peerspec.export writes, from a Python that has it.
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

export class Graphs {
  #python;
  #lines;
  #known = new Map();

  /** `python` is an interpreter in which peerspec is installed; throws an Error where it is none. */
  static async open(python) {
    const graphs = new Graphs(python);
    if ((await graphs.#line()) !== "ready") throw new Error(`${python} cannot import peerspec.export; name one that can`);
    return graphs;
  }

  constructor(python) {
    const program = fileURLToPath(new URL("graphs.py", import.meta.url));
    this.#python = spawn(python, [program], { stdio: ["pipe", "pipe", "inherit"] });
    this.#python.on("error", () => {}); // there is none, which reading tells
    this.#lines = createInterface({ input: this.#python.stdout })[Symbol.asyncIterator]();
  }

  /** The bytes of the graph under `name`, which is JSON that graphs.py understands. */
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
