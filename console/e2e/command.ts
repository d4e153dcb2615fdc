/** A command of stepwell that serves until it is ended. */

import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";

/** The binary to test: the given one, else the debug build. */
export function binary(): string {
  const built = join(import.meta.dirname, "../../target/debug/stepwell");
  const found = [process.env["STEPWELL_BIN"], built].find((path) => path && existsSync(path));
  if (found === undefined) throw new Error("no stepwell binary: `cargo build -p stepwell`, or set STEPWELL_BIN");
  return found;
}

export class Command {
  private child: ChildProcess | null = null;

  /**
   * Starts it, and gives the address that it says.
   *
   * - `address`: of a line, if that is the one.
   */
  begin(args: readonly string[], address: (line: string) => string | undefined): Promise<string> {
    const child = spawn(binary(), args, { stdio: ["ignore", "pipe", "inherit"], env: { ...process.env, NO_COLOR: "1" } });
    this.child = child;
    return new Promise((resolve, reject) => {
      let said = "";
      child.stdout.on("data", (chunk: Buffer) => {
        said += chunk.toString();
        // The last one may go on.
        const found = said.split("\n").slice(0, -1).map(address).find((one) => one !== undefined);
        if (found !== undefined) resolve(found);
      });
      child.on("exit", (code) => reject(new Error(`stepwell ${args.join(" ")} ended with ${code}: ${said}`)));
    });
  }

  /** Ends it, if it has not ended. */
  async end(signal: NodeJS.Signals): Promise<void> {
    const child = this.child;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.on("exit", resolve));
    child.kill(signal);
    await gone;
  }
}
