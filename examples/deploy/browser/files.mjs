// Files over HTTP, as ONNX Runtime wants them in a page: WebAssembly under its type, and the headers with which a page may
// use more than one thread.
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, extname, join, sep } from "node:path";

/** The folder of onnxruntime-web's files. */
export const RUNTIME = dirname(createRequire(import.meta.url).resolve("onnxruntime-web/wasm"));

const TYPES = { ".html": "text/html; charset=utf-8", ".mjs": "text/javascript", ".wasm": "application/wasm" };

/** Answers what lies below one of `mounts`, {prefix of the URL: folder or file}, the first that fits; 404 to all else. */
export async function send(request, response, mounts) {
  const url = decodeURIComponent(new URL(request.url, "http://localhost").pathname);
  const path = place(url, mounts);
  const found = path && (await stat(path).catch(() => null));
  if (!found?.isFile()) return response.writeHead(404).end();
  response.writeHead(200, {
    "content-type": TYPES[extname(path)] ?? "application/octet-stream",
    "content-length": found.size,
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-embedder-policy": "require-corp",
  });
  createReadStream(path).pipe(response);
}

function place(url, mounts) {
  const prefix = Object.keys(mounts).find((key) => url.startsWith(key));
  if (prefix === undefined) return null;
  const path = join(mounts[prefix], url.slice(prefix.length));
  return path === mounts[prefix] || path.startsWith(join(mounts[prefix], sep)) ? path : null;
}
