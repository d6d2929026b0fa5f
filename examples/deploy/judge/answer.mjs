// One call of the protocol, computed by a session of ONNX Runtime, in Node.js or in a page.
import { decode, encode } from "../../harness_js/safetensors.mjs";

const TYPES = new Map([
  [Float32Array, "float32"], [Float64Array, "float64"], [BigInt64Array, "int64"], [Uint16Array, "float16"],
]); // prettier-ignore
const NAMES = { scores1: "s1", scores2: "s2" }; // names in the graph that differ from those of the protocol

export class Answers {
  #ort;
  #options;
  #sessions = new Map();
  #layers = new Map(); // holds only the last layer

  /** `ort` is one of ONNX Runtime's packages, `options` are the options of its sessions. */
  constructor(ort, options) {
    this.#ort = ort;
    this.#options = options;
  }

  /**
   * The answer, as the bytes of a safetensors file. The names `graph` and `layer` identify a session and parameters that
   * are used again; `load` loads the bytes of "graph", "layer" or "inputs".
   */
  async answer({ graph, layer }, load) {
    const session = await this.#session(graph, load);
    const parameters = layer ? await this.#parameters(layer, load) : {};
    const inputs = decode(await load("inputs"));
    const lead = Object.values(inputs)[0].shape.slice(0, -1);
    // ONNX Runtime 1.30 crashes on a TopK alone without rows: then one row is computed and dropped
    const minRows = layer ? 0 : 1;
    const found = await session.run({ ...parameters, ...this.#tensors(flat(inputs, minRows)) });
    return encode(Object.fromEntries(Object.entries(found).map(([name, tensor]) => [name, unflat(tensor, lead)])));
  }

  async #session(graph, load) {
    if (!this.#sessions.has(graph))
      this.#sessions.set(graph, await this.#ort.InferenceSession.create(await load("graph"), this.#options));
    return this.#sessions.get(graph);
  }

  async #parameters(layer, load) {
    if (!this.#layers.has(layer)) {
      const parameters = this.#tensors(decode(await load("layer")));
      this.#layers.clear();
      this.#layers.set(layer, parameters);
    }
    return this.#layers.get(layer);
  }

  #tensors(found) {
    return Object.fromEntries(
      Object.entries(found).map(([name, { shape, data }]) => [
        NAMES[name] ?? name,
        new this.#ort.Tensor(TYPES.get(data.constructor), data, shape),
      ]),
    );
  }
}

const size = (shape) => shape.reduce((a, b) => a * b, 1);

/** Tensors with one leading axis of at least `minRows` rows: any leading axes are independent tokens (SHP-1). */
function flat(tensors, minRows) {
  const one = ({ shape, data }) => {
    const [rows, width] = [size(shape.slice(0, -1)), shape.at(-1)];
    return rows < minRows
      ? { shape: [minRows, width], data: new data.constructor(minRows * width) }
      : { shape: [rows, width], data };
  };
  return Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, one(tensor)]));
}

function unflat({ type, dims, data }, lead) {
  const shape = [...lead, ...dims.slice(1)];
  const numbers = type === "float16" ? new Uint16Array(data.buffer, data.byteOffset, data.length) : data;
  return { shape, data: numbers.subarray(0, size(shape)) };
}
