// onnxruntime-web on WebAssembly, in a page of headless Chromium.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { RUNTIME, send } from "../browser/files.mjs";
import { Exchange } from "./exchange.mjs";

const FILES = { "/ort/": RUNTIME, "/examples/": fileURLToPath(new URL("../../", import.meta.url)) };

export async function open() {
  const exchange = new Exchange();
  const server = createServer(async (request, response) => {
    if (!(await exchange.handle(request, response))) await send(request, response, FILES);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${server.address().port}/examples/deploy/judge/page.html`;
  const end = chromium(url, (reason) => exchange.fail(reason));
  return {
    name: String(await exchange.call({})), // the first answer of the page is its name
    call: (message, load) => exchange.call(message, load),
    close() {
      end();
      server.closeAllConnections();
      server.close();
    },
  };
}

/** Opens a page in a new browser; returns a function that ends it, and calls `fail` when it ends by itself. */
function chromium(url, fail) {
  const profile = mkdtempSync(join(tmpdir(), "peerspec-chromium-"));
  process.on("exit", () => rmSync(profile, { recursive: true, force: true, maxRetries: 5 }));
  const flags = ["--headless=new", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"];
  if (process.getuid() === 0) flags.push("--no-sandbox"); // Chromium has no sandbox for root
  const words = [...flags, `--user-data-dir=${profile}`, url];
  const browser = spawn(process.env.CHROMIUM ?? "chromium", words, { stdio: "ignore" });
  browser.on("error", ({ message }) => fail(`${message}; install Chromium, or set CHROMIUM to its path`));
  browser.on("exit", () => fail("Chromium has ended"));
  return () => browser.kill();
}
