#!/usr/bin/env bun
// The executable's entry: raises a runtime limit that can only be set before start, then runs the command.
import { run } from "./cli/program.ts";
import { raiseRequestLimit } from "./cli/request-limit.ts";

raiseRequestLimit();
process.exitCode = await run(process.argv.slice(2));
