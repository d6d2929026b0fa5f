#!/usr/bin/env node
// Serves the page, ONNX Runtime and a model on this machine only: node serve.mjs MODEL [PORT]
import { existsSync } from "node:fs";
import { createServer } from "node:http";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { RUNTIME, send } from "./files.mjs";

const [model, port = "8080"] = process.argv.slice(2);
if (!model || !existsSync(model)) fail(`there is no model ${model ?? ""}; usage: node serve.mjs MODEL [PORT]`);
if (!/^\d{1,5}$/.test(port) || Number(port) > 65535) fail(`the port must be a number up to 65535, got ${port}`);

function fail(reason) {
  console.error(`serve.mjs: ${reason}`);
  process.exit(1);
}

const here = (name) => fileURLToPath(new URL(name, import.meta.url));
const name = basename(model);
const files = {
  [`/${name}.data`]: `${model}.data`,
  [`/${name}`]: model,
  "/ort/": RUNTIME,
  "/generate.mjs": here("../generate.mjs"),
  "/page.mjs": here("page.mjs"),
  "/": here("index.html"),
};
const address = new URLSearchParams({ model: name, ...(existsSync(`${model}.data`) && { data: `${name}.data` }) });
const server = createServer((request, response) => send(request, response, files));
server.on("error", ({ message }) => fail(`${message}; name another port`));
server.listen(Number(port), "127.0.0.1", () => console.log(`http://127.0.0.1:${server.address().port}/?${address}`));
