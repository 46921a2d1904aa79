#!/usr/bin/env bun
// The executable's entry: raises a runtime limit that can only be set before start, then runs the command.
import { isServing, raiseRequestLimit } from "./cli/request-limit.ts";

const argv = process.argv.slice(2);
if (isServing(argv)) raiseRequestLimit();
// Loaded afterwards: what comes before runs twice.
const { run } = await import("./cli/program.ts");
process.exitCode = await run(argv);
