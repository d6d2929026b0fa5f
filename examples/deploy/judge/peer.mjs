#!/usr/bin/env node
// The exported graph in ONNX Runtime's packages for JavaScript, for the suite (the protocol: docs/any-language.md):
// peerspec check --command "node peer.mjs node|web [PYTHON]"
import { readFile, writeFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { decode } from "../../harness_js/safetensors.mjs";
import { Graphs } from "./graphs.mjs";

const PROFILES = ["float32", "float64", "float16", "select", "query-bias", "glu", "sigmoid", "per-head-keys"];

const [kind, python = "python3"] = process.argv.slice(2);
if (!["node", "web"].includes(kind)) fail("name a runtime: node peer.mjs node|web [PYTHON]");
const { open } = await import(`./${kind}.mjs`).catch(({ message }) =>
  fail(`${message}; run: npm ci --ignore-scripts --prefix examples/deploy`),
);
const graphs = await Graphs.open(python).catch(({ message }) => fail(message));
const runtime = await open().catch(({ message }) => fail(message));

function fail(reason) {
  console.error(`peer.mjs: ${reason}`);
  process.exit(2);
}

function supports({ config, dtype }) {
  const erf = dtype === "float64" && config.activation === "gelu";
  return erf ? "the exact gelu needs Erf in float64, which ONNX Runtime lacks" : true;
}

/** The graph that computes a message: a layer of its kind, or the selection alone. */
async function graphOf({ method, config, dtype, k, inputs }) {
  if (method === "forward") return { config, dtype };
  const { scores1 } = decode(await readFile(inputs));
  return { dtype, n: scores1.shape.at(-1), k };
}

async function compute(message) {
  const graph = JSON.stringify(await graphOf(message));
  const load = (part) => (part === "graph" ? graphs.get(graph) : readFile(message[part]));
  await writeFile(message.answer, await runtime.call({ graph, layer: message.layer }, load));
}

async function reply(message) {
  const { method } = message;
  if (method === "start")
    return { reply: "start", protocol: 1, name: runtime.name, profiles: PROFILES, methods: ["forward", "select", "supports"] };
  if (method === "supports") return { reply: method, supported: supports(message) };
  await compute(message);
  return { reply: method };
}

for await (const line of createInterface({ input: process.stdin })) {
  const message = JSON.parse(line);
  if (message.method === "stop") break;
  const answer = await reply(message).catch((error) => ({ reply: "error", message: error.message }));
  console.log(JSON.stringify(answer));
}
graphs.close();
runtime.close();
