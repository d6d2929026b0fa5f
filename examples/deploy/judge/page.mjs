// In the browser: fetch a call, answer it, repeat.
import * as ort from "onnxruntime-web/wasm";
import { Answers } from "./answer.mjs";

const answers = new Answers(ort, { executionProviders: ["wasm"] });
const [version] = /Chrome\/\d+/.exec(navigator.userAgent) ?? ["a browser"];
const name = `onnxruntime-web ${ort.env.versions.web} in ${version.replace("/", " ")}`;

const load = async (part) => new Uint8Array(await (await fetch(`/load/${part}`)).arrayBuffer());
const post = (route, body) => fetch(route, { method: "POST", body });

for (;;) {
  const message = await (await fetch("/call")).json();
  try {
    await post("/answer", message.graph ? await answers.answer(message, load) : name);
  } catch (error) {
    await post("/error", String(error.message ?? error));
  }
}
