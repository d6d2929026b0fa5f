#!/usr/bin/env node
// The program that `peerspec check --command "node peer.mjs"` runs to judge the PEER layer in JavaScript:
// docs/any-language.md. It reads one JSON object per line and answers each with one line. Tensors are exchanged in files.
// It needs Node.js 20 or newer.
import { readFileSync, writeFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { entry, pattern } from "./inputs.mjs";
import { forward, select } from "./layer.mjs";
import { decode, encode } from "./safetensors.mjs";

const HELLO = {
  reply: "start",
  protocol: 1,
  name: "JavaScript",
  profiles: ["float32", "float64", "select", "query-bias", "glu", "sigmoid", "per-head-keys"],
  methods: ["forward", "select"],
};

// For each precision: how to round to the compute dtype, and the array type of its numbers.
const PRECISIONS = {
  float32: { round: Math.fround, Floats: Float32Array },
  float64: { round: (value) => value, Floats: Float64Array },
};

const rows = (data, width) =>
  Array.from({ length: width ? data.length / width : 0 }, (_, t) => data.subarray(t * width, (t + 1) * width));
const joined = (Type, parts) => Type.from(parts.flatMap((part) => Array.from(part)));
const ids = (parts) => BigInt64Array.from(parts.flat(), BigInt);

// Mask and training mode affect only batch statistics, and this program claims no query norm (SHP-2).
function answerForward({ config, dtype, layer }, { x }) {
  const { round, Floats } = PRECISIONS[dtype];
  const params = Object.fromEntries(Object.entries(decode(readFileSync(layer))).map(([name, { data }]) => [name, data]));
  const outs = rows(x.data, config.d_model).map((token) => forward(config, params, token, round));
  const lead = x.shape.slice(0, -1); // SHP-1: leading axes are independent tokens
  const pairs = [...lead, config.heads, config.top_k];
  return {
    y: { shape: [...lead, config.d_out], data: joined(Floats, outs.map((out) => out.y)) },
    scores: { shape: pairs, data: joined(Floats, outs.map((out) => out.scores)) },
    indices: { shape: pairs, data: ids(outs.map((out) => out.ids)) },
    gates: { shape: pairs, data: joined(Floats, outs.map((out) => out.gates)) },
  };
}

function answerSelect({ dtype, k }, { scores1, scores2 }) {
  const { round, Floats } = PRECISIONS[dtype];
  const n = scores1.shape.at(-1);
  const second = rows(scores2.data, n);
  const found = rows(scores1.data, n).map((s1, row) => select(s1, second[row], k, round));
  const shape = [...scores1.shape.slice(0, -1), k];
  return {
    scores: { shape, data: joined(Floats, found.map((one) => one.scores)) },
    indices: { shape, data: ids(found.map((one) => one.ids)) },
  };
}

const ANSWERS = { forward: answerForward, select: answerSelect };

function reply(message) {
  if (message.method === "start") return HELLO;
  const answer = ANSWERS[message.method];
  if (!answer) return { reply: "error", message: `unknown method ${message.method}` };
  writeFileSync(message.answer, encode(answer(message, decode(readFileSync(message.inputs)))));
  return { reply: message.method };
}

const [command, seed, name, bits, exponent, count] = process.argv.slice(2);
if (command === "generate") {
  for (let index = 0; index < count; index++)
    console.log(pattern(entry(seed, name, index, Number(bits), Number(exponent))));
} else {
  for await (const line of createInterface({ input: process.stdin })) {
    const message = JSON.parse(line);
    if (message.method === "stop") break;
    console.log(JSON.stringify(reply(message)));
  }
}
