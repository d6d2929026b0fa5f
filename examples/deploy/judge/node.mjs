// onnxruntime-node, on the CPU.
import * as ort from "onnxruntime-node";
import { Answers } from "./answer.mjs";

export async function open() {
  const answers = new Answers(ort, { executionProviders: ["cpu"] });
  return {
    name: `onnxruntime-node ${ort.env.versions.node}`,
    call: (message, load) => answers.answer(message, load),
    close() {},
  };
}
