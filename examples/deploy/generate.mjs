// Bytes of a language model exported as ONNX, in any of ONNX Runtime's packages for JavaScript.

/**
 * The `count` bytes after `prompt`, one after another: each the likeliest after the last `context` bytes.
 * Throws an Error of one sentence where these do not fit the model.
 */
export async function* generate(session, Tensor, { prompt, count, context }) {
  expect(prompt.length > 0, "the prompt is empty; give it at least one byte");
  expect(Number.isInteger(count) && count >= 0, `the count must be an integer from 0 up, got ${count}`);
  expect(Number.isInteger(context) && context > 0, `the context must be an integer from 1 up, got ${context}`);
  const [{ name, type, shape }] = session.inputMetadata;
  expect(
    session.inputNames.length === 1 && type === "int64" && shape.length === 2,
    `the model takes ${name}, ${type} [${shape}], which is no language model; one takes int64 [batch, sequence] alone`,
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

function expect(holds, sentence) {
  if (!holds) throw new Error(sentence);
}
