// safetensors files: eight bytes with the length of a JSON header, the header, then the numbers, little-endian.
import { readFileSync, writeFileSync } from "node:fs";

const TYPES = { F32: Float32Array, F64: Float64Array, I64: BigInt64Array };

/** Reads a file into {name: {shape, data}}. Formats this program does not compute with, such as the mask, are left out. */
export function readTensors(path) {
  const bytes = readFileSync(path);
  const length = Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.toString("utf8", 8, 8 + length));
  const tensors = {};
  for (const [name, entry] of Object.entries(header)) {
    const Type = TYPES[entry.dtype];
    if (!Type) continue;
    const [start, end] = entry.data_offsets.map((offset) => 8 + length + offset);
    // a copy of its own, because typed arrays must start at a multiple of their width
    const { buffer, byteOffset } = Uint8Array.from(bytes.subarray(start, end));
    tensors[name] = { shape: entry.shape, data: new Type(buffer, byteOffset) };
  }
  return tensors;
}

/** Writes {name: {shape, data}}; a typed array brings its format along. */
export function writeTensors(path, tensors) {
  const header = {};
  let end = 0;
  for (const [name, { shape, data }] of Object.entries(tensors)) {
    const dtype = Object.keys(TYPES).find((code) => data instanceof TYPES[code]);
    header[name] = { dtype, shape, data_offsets: [end, (end += data.byteLength)] };
  }
  const text = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  const parts = Object.values(tensors).map(({ data }) => Buffer.from(data.buffer, data.byteOffset, data.byteLength));
  writeFileSync(path, Buffer.concat([length, text, ...parts]));
}
