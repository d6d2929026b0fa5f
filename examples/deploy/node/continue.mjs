// Continue a prompt, byte by byte, with a language model exported as ONNX:
// node continue.mjs MODEL PROMPT COUNT CONTEXT

import { InferenceSession, Tensor } from "onnxruntime-node";

const [path, prompt, count, context] = process.argv.slice(2);
const session = await InferenceSession.create(path, { executionProviders: ["cpu"] });
const text = [...Buffer.from(prompt)];

for (let i = 0; i < Number(count); i++) {
  const window = text.slice(-Number(context));
  const tokens = new Tensor("int64", BigInt64Array.from(window, BigInt), [1, window.length]);
  const { [session.outputNames[0]]: logits } = await session.run({ [session.inputNames[0]]: tokens });
  const last = logits.data.subarray(-logits.dims[2]);
  text.push(last.indexOf(Math.max(...last)));
}
process.stdout.write(Buffer.from(text));
