// Continue a prompt with a language model exported as ONNX. The address of the page names the model and, if there is one,
// its external file: /?model=model.onnx&data=model.onnx.data
import { InferenceSession, Tensor, env } from "onnxruntime-web/wasm";
import { generate } from "./generate.mjs";

const $ = (selector) => document.querySelector(selector);
const say = (text) => ($("#status").textContent = text);

async function load() {
  const address = new URLSearchParams(location.search);
  const [model, data] = [address.get("model") ?? "model.onnx", address.get("data")];
  // the model holds the name of its external file without a folder; the runtime needs its address
  const externalData = data ? [{ path: data.split("/").at(-1), data }] : [];
  const session = await InferenceSession.create(model, { executionProviders: ["wasm"], externalData });
  say(`${model} is loaded, onnxruntime-web ${env.versions.web}`);
  return session;
}

async function go(session) {
  const prompt = new TextEncoder().encode($("#prompt").value);
  const bytes = [...prompt];
  const show = () => ($("output").value = new TextDecoder().decode(Uint8Array.from(bytes)));
  show();
  const began = performance.now();
  const wanted = { prompt, count: $("#count").valueAsNumber, context: $("#context").valueAsNumber };
  for await (const byte of generate(session, Tensor, wanted)) {
    bytes.push(byte);
    show();
  }
  say(`${wanted.count} bytes in ${((performance.now() - began) / 1000).toFixed(2)} s`);
}

try {
  const session = await load();
  const button = $("button");
  $("form").onsubmit = async (event) => {
    event.preventDefault();
    button.disabled = true; // a session runs one sequence at a time
    await go(session).catch(({ message }) => say(message));
    button.disabled = false;
  };
  button.disabled = false;
} catch (error) {
  say(error.message ?? String(error));
}
