// A running server for the tests: `stepwell serve` on a free port with its own data folder.
// `cargo xtask test` sets STEPWELL_BIN to the binary it has built.

import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

const LISTENING = /listening on (http:\/\/127\.0\.0\.1:\d+)/;

/** Starts a server; gives its endpoint, the options every client needs, and how to stop it. */
export async function startServer() {
  const binary = process.env.STEPWELL_BIN;
  if (!binary) throw new Error("STEPWELL_BIN must name the stepwell binary");
  const data = await mkdtemp(join(tmpdir(), "stepwell-client-"));
  const child = spawn(binary, ["serve", "--listen", "127.0.0.1:0", "--data", data], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const exited = new Promise((resolve) => child.once("exit", resolve));
  const stop = async () => {
    child.kill("SIGTERM");
    await exited;
    await rm(data, { recursive: true, force: true });
  };
  const endpoint = await new Promise((resolve, reject) => {
    // The pipe is read to its end, so that the server never blocks on it.
    const lines = createInterface({ input: child.stdout });
    lines.on("line", (line) => {
      const found = LISTENING.exec(line);
      if (found) resolve(found[1]);
    });
    child.once("error", reject);
    child.once("exit", (code) => reject(new Error(`the server ended with ${code} before it listened`)));
  });
  const options = {
    endpoint,
    region: "us-east-1",
    credentials: { accessKeyId: "test", secretAccessKey: "test" },
    maxAttempts: 1,
    disableHostPrefix: true,
  };
  return { endpoint, options, stop };
}
