// onnxruntime-node, on the CPU.
import * as ort from "onnxruntime-node";
import { Answers } from "./answer.mjs";

export async function open() {
  const answers = new Answers(ort, { executionProviders: ["cpu"] });
  return {
    name: `onnxruntime-node ${ort.env.versions.node}`,
    answer: (question, load) => answers.answer(question, load),
    close() {},
  };
}
