// Continue a prompt, byte by byte, with a language model exported as ONNX:
// node continue.mjs MODEL PROMPT COUNT CONTEXT
import { InferenceSession, Tensor } from "onnxruntime-node";
import { generate } from "../generate.mjs";

async function main([path, prompt, count, context]) {
  if (context === undefined) throw new Error("usage: node continue.mjs MODEL PROMPT COUNT CONTEXT");
  const session = await InferenceSession.create(path, { executionProviders: ["cpu"], logSeverityLevel: 4 });
  const text = [...Buffer.from(prompt)];
  const wanted = { prompt: [...text], count: Number(count), context: Number(context) };
  for await (const byte of generate(session, Tensor, wanted)) text.push(byte);
  process.stdout.write(Buffer.from(text));
}

main(process.argv.slice(2)).catch(({ message }) => {
  console.error(`continue.mjs: ${message.trim()}`);
  process.exitCode = 1;
});
