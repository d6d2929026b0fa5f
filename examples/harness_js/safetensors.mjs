// The form of safetensors: eight bytes with the length of a JSON header, the header, then the numbers, little-endian.
// Bytes in, bytes out, so that it runs in a browser too.

// float16 as its bits: not every JavaScript has numbers for it
const TYPES = { F32: Float32Array, F64: Float64Array, I64: BigInt64Array, F16: Uint16Array };

/** {name: {shape, data}} of a file's bytes. Formats that are not computed with, such as the mask, are left out. */
export function decode(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const base = 8 + Number(view.getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, base)));
  const tensors = {};
  for (const [name, { dtype, shape, data_offsets }] of Object.entries(header)) {
    if (!(dtype in TYPES)) continue;
    const [start, end] = data_offsets.map((offset) => base + offset);
    // a copy of its own, because typed arrays must start at a multiple of their width
    tensors[name] = { shape, data: new TYPES[dtype](Uint8Array.from(bytes.subarray(start, end)).buffer) };
  }
  return tensors;
}

/** The bytes of a file that holds {name: {shape, data}}; a typed array brings its format along. */
export function encode(tensors) {
  const header = {};
  let end = 0;
  for (const [name, { shape, data }] of Object.entries(tensors)) {
    const dtype = Object.keys(TYPES).find((code) => data instanceof TYPES[code]);
    header[name] = { dtype, shape, data_offsets: [end, (end += data.byteLength)] };
  }
  const text = new TextEncoder().encode(JSON.stringify(header));
  const bytes = new Uint8Array(8 + text.length + end);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(text.length), true);
  bytes.set(text, 8);
  for (const [name, { data }] of Object.entries(tensors))
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), 8 + text.length + header[name].data_offsets[0]);
  return bytes;
}
