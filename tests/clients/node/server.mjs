// A running server for the tests: `stepwell serve` on a free port with its own data folder.
// `cargo xtask test` sets STEPWELL_BIN to the binary it has built.

import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

import { DescribeExecutionCommand } from "@aws-sdk/client-sfn";

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

/** What `ask` gives, once it gives something; fails if it does not within a minute. */
export async function eventually(what, ask) {
  const deadline = Date.now() + 60_000;
  while (Date.now() < deadline) {
    const found = await ask();
    if (found) return found;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`a minute has passed without ${what}`);
}

/** The description of an execution once it has ended. */
export async function ended(states, executionArn) {
  return eventually(`the end of ${executionArn}`, async () => {
    const described = await states.send(new DescribeExecutionCommand({ executionArn }));
    return described.status === "RUNNING" ? undefined : described;
  });
}

/** A zip archive of one uncompressed file. Format: PKWARE's APPNOTE, sections 4.3.7, 4.3.12 and 4.3.16. */
export function storedZip(name, text) {
  const [file, content] = [Buffer.from(name), Buffer.from(text)];
  const shared = Buffer.alloc(26);
  shared.writeUInt16LE(20, 0);
  shared.writeUInt32LE(crc32(content), 10);
  shared.writeUInt32LE(content.length, 14);
  shared.writeUInt32LE(content.length, 18);
  shared.writeUInt16LE(file.length, 22);
  const local = Buffer.concat([Buffer.from("PK\x03\x04"), shared, file, content]);
  // Version made by, then what the local header has, then comment, disk, attributes and offset: all zero.
  const central = Buffer.concat([Buffer.from("PK\x01\x02"), Buffer.from([20, 0]), shared, Buffer.alloc(14), file]);
  const end = Buffer.alloc(22);
  end.write("PK\x05\x06");
  end.writeUInt16LE(1, 8);
  end.writeUInt16LE(1, 10);
  end.writeUInt32LE(central.length, 12);
  end.writeUInt32LE(local.length, 16);
  return Buffer.concat([local, central, end]);
}

function crc32(bytes) {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return (crc ^ 0xffffffff) >>> 0;
}
