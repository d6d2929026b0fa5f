// The inputs of the suite (SPEC.md, section 9.2): any entry of a tensor from its seed, name and index.

const wrap = (z) => BigInt.asUintN(64, z);

function mix(z) {
  z = wrap((z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n);
  z = wrap((z ^ (z >> 27n)) * 0x94d049bb133111ebn);
  return z ^ (z >> 31n);
}

/** INP-1: the word of one entry, a BigInt below 2^64. */
export function word(seed, name, index) {
  let f = 0xcbf29ce484222325n;
  for (const byte of new TextEncoder().encode(name)) f = wrap((f ^ BigInt(byte)) * 0x100000001b3n);
  return mix(wrap(mix(wrap(BigInt(seed)) ^ f) + (BigInt(index) + 1n) * 0x9e3779b97f4a7c15n));
}

/** INP-2: the entry. Numbers of up to 53 bits and scaling by a power of two are exact. */
export function entry(seed, name, index, bits, exponent) {
  const r = word(seed, name, index) >> BigInt(64 - bits);
  return Number(r - (1n << BigInt(bits - 1))) * 2 ** (exponent - bits + 1);
}

/** The bits of a float64 number in hexadecimal. */
export function pattern(value) {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value);
  return view.getBigUint64(0).toString(16).padStart(16, "0");
}
