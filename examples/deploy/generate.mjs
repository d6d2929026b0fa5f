// Bytes of a language model exported as ONNX, in any of ONNX Runtime's packages for JavaScript.

/**
 * The `count` bytes after `prompt`, one after another: each is the most likely one after the last `context` bytes.
 * Throws an Error if the arguments do not fit the model.
 */
export async function* generate(session, Tensor, { prompt, count, context }) {
  expect(prompt.length > 0, "the prompt is empty; give it at least one byte");
  expect(Number.isInteger(count) && count >= 0, `the count must be an integer of at least 0, got ${count}`);
  expect(Number.isInteger(context) && context > 0, `the context must be an integer of at least 1, got ${context}`);
  const [{ name, type, shape }] = session.inputMetadata;
  expect(
    session.inputNames.length === 1 && type === "int64" && shape.length === 2,
    `the model takes ${name}, ${type} [${shape}], and is not a language model; pass a model with the one input int64 [batch, sequence]`,
  );
  const text = [...prompt];
  for (let i = 0; i < count; i++) {
    const window = text.slice(-context);
    const tokens = new Tensor("int64", BigInt64Array.from(window, BigInt), [1, window.length]);
    const { [session.outputNames[0]]: logits } = await session.run({ [name]: tokens }).catch(({ message }) => {
      throw new Error(`the model refuses ${window.length} bytes, is the context too long? ${message}`);
    });
    const last = logits.data.subarray(-logits.dims[2]);
    text.push(last.indexOf(Math.max(...last)));
    yield text.at(-1);
  }
}

function expect(condition, message) {
  if (!condition) throw new Error(message);
}
