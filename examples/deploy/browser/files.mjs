// Files over HTTP for ONNX Runtime in a page: WebAssembly with its media type, and the headers that allow a page to use
// several threads.
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, extname, join, sep } from "node:path";

/** The folder of onnxruntime-web's files. */
export const RUNTIME = dirname(createRequire(import.meta.url).resolve("onnxruntime-web/wasm"));

const TYPES = { ".html": "text/html; charset=utf-8", ".mjs": "text/javascript", ".wasm": "application/wasm" };

/** Sends a file of `mounts`, {prefix of the URL: folder or file}; the first prefix that fits counts. Else sends 404. */
export async function send(request, response, mounts) {
  const url = decodeURIComponent(new URL(request.url, "http://localhost").pathname);
  const path = pathOf(url, mounts);
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

function pathOf(url, mounts) {
  const prefix = Object.keys(mounts).find((key) => url.startsWith(key));
  if (prefix === undefined) return null;
  const path = join(mounts[prefix], url.slice(prefix.length));
  return path === mounts[prefix] || path.startsWith(join(mounts[prefix], sep)) ? path : null;
}
