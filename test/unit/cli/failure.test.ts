// Exit codes: one failure, one code, one message.
import { describe, expect, test } from "bun:test";
import { ExitError, exitCodes } from "../../../src/cli/exit.ts";
import { toExitError } from "../../../src/cli/failure.ts";
import { configFromObject, parseConfig } from "../../../src/config/load.ts";
import { providers } from "../../../src/providers/index.ts";
import { StoreError } from "../../../src/store/store.ts";

const options = { env: {}, presets: providers };

function thrownBy(act: () => unknown): unknown {
  try {
    act();
  } catch (error) {
    return error;
  }
  throw new Error("nothing was thrown");
}

describe("toExitError", () => {
  test("a configuration's problems are all told, and counted", () => {
    const error = thrownBy(() => parseConfig("server: { prt: 1, hots: x }", options));
    const exit = toExitError(error, exitCodes.cannotStart);
    expect(exit.exitCode).toBe(exitCodes.cannotStart);
    expect(exit.message).toContain("`prt`");
    expect(exit.message).toContain("`hots`");
    expect(exit.message).toEndWith("\n2 problems");
  });

  test("a wrong option is a usage error whatever the command, and is called by its name", () => {
    const overrides = { host: "not a host" };
    const error = thrownBy(() => configFromObject({}, { ...options, overrides }));
    const exit = toExitError(error, exitCodes.cannotStart);
    expect(exit.exitCode).toBe(exitCodes.usage);
    expect(exit.message).toContain("--host");
  });

  test("what the store or the operating system says is told in one sentence", () => {
    expect(toExitError(new StoreError("damaged", "The database is cut.")).message).toBe(
      "The database is cut.",
    );
    const denied = Object.assign(new Error("EACCES: permission denied, mkdir '/x'"), {
      code: "EACCES",
    });
    expect(toExitError(denied).message).toBe("EACCES: permission denied, mkdir '/x'");
  });

  test("anything else is a defect, with its stack", () => {
    const exit = toExitError(new RangeError("Invalid Date"));
    expect(exit.exitCode).toBe(exitCodes.failed);
    expect(exit.message).toContain("defect");
    expect(exit.message).toContain("RangeError: Invalid Date");
  });

  test("an exit stays what it is", () => {
    const exit = new ExitError(exitCodes.notRunning, "nobody");
    expect(toExitError(exit, exitCodes.cannotStart)).toBe(exit);
  });
});
