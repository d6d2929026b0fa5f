// safetensors: the length of a JSON header in eight bytes, the header, then the numbers, little-endian. These functions
// work on bytes and not on files, so they also run in a browser.

// float16 as its bits, because not every JavaScript engine has an array type for it
const TYPES = { F32: Float32Array, F64: Float64Array, I64: BigInt64Array, F16: Uint16Array };

/** {name: {shape, data}} from the bytes of a file. Tensors of other dtypes, such as the mask, are left out. */
export function decode(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const base = 8 + Number(view.getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, base)));
  const tensors = {};
  for (const [name, { dtype, shape, data_offsets }] of Object.entries(header)) {
    if (!(dtype in TYPES)) continue;
    const [start, end] = data_offsets.map((offset) => base + offset);
    // a copy, because a typed array must start at a multiple of its element size
    tensors[name] = { shape, data: new TYPES[dtype](Uint8Array.from(bytes.subarray(start, end)).buffer) };
  }
  return tensors;
}

/** The bytes of a file that holds {name: {shape, data}}; the type of an array gives its dtype. */
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
