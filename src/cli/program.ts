// The command table.
import { Command, CommanderError } from "commander";
import { ConfigError, formatProblem } from "../config/problems.ts";
import { version } from "../version.ts";
import { ExitError, exitCodes } from "./exit.ts";

/** Commands load their code when they are called, so that `--help` and `version` start fast. */
function createProgram(): Command {
  const program = new Command("megallm")
    .description("One executable between any LLM client and any LLM provider.")
    .version(version, "-V, --version", "print the version")
    .helpOption("-h, --help", "show help")
    .showHelpAfterError("(run with --help for the options and examples)")
    .configureHelp({ showGlobalOptions: true })
    .exitOverride();

  program
    .command("serve", { isDefault: true })
    .description("start the gateway (also without any command)")
    .option("-c, --config <file>", "configuration file (megallm.yaml or .json)")
    .option("--host <address>", "address to listen on")
    .option("-p, --port <number>", "port to listen on", parsePort)
    .option("--data-dir <folder>", "folder for the database and the admin key")
    .option("--log-level <level>", "debug, info, warn or error")
    .addHelpText("after", examples("megallm", "megallm serve --config ./megallm.yaml --port 4000"))
    .action(async (options) => (await import("./serve.ts")).serve(options));

  program
    .command("init")
    .description("write a commented megallm.yaml from what this machine offers")
    .option("-o, --output <file>", "where to write it (default: the first place `serve` looks)")
    .option("--stdout", "print it instead of writing a file")
    .option("-f, --force", "replace an existing file")
    .addHelpText("after", examples("megallm init", "megallm init --stdout"))
    .action(async (options) => (await import("./init.ts")).init(options));

  program
    .command("check")
    .argument("[file]", "configuration file (default: the one `serve` would use)")
    .description("check a configuration and name every problem at once")
    .option("--print", "print the effective configuration, secrets hidden")
    .option("--json", "print the result as JSON")
    .addHelpText("after", examples("megallm check ./megallm.yaml", "megallm check --print"))
    .action(async (file, options) => (await import("./check.ts")).check(file, options));

  program
    .command("status")
    .description("what the running daemon serves, and how it is doing")
    .option("-c, --config <file>", "configuration file of the daemon")
    .option("--json", "print as JSON")
    .addHelpText("after", examples("megallm status", "megallm status --json"))
    .action(async (options) => (await import("./status.ts")).status(options));

  program
    .command("models")
    .description("the models a client can ask for, with context window and prices")
    .option("-c, --config <file>", "configuration file")
    .option("--provider <name>", "only this provider's")
    .option("--json", "print as JSON")
    .addHelpText("after", examples("megallm models", "megallm models --provider openai --json"))
    .action(async (options) => (await import("./models.ts")).models(options));

  program
    .command("usage")
    .description("requests, tokens and cost, from the ledger")
    .option("--by <what>", "model, provider, day, key, route or status", "model")
    .option("--since <time>", "how far back: 90m, 24h, 7d, or a date such as 2026-01-31", "30d")
    .option("-c, --config <file>", "configuration file of the daemon")
    .option("--data-dir <folder>", "folder of the database")
    .option("--json", "print as JSON")
    .addHelpText("after", examples("megallm usage", "megallm usage --by day --since 7d --json"))
    .action(async (options) => (await import("./usage.ts")).usage(options));

  program
    .command("chat")
    .argument("<model>", "model name, e.g. demo/echo")
    .argument("[prompt...]", "what to say; without it the chat is interactive")
    .description("talk to a model in the terminal")
    .option("-c, --config <file>", "configuration file")
    .option("-s, --system <text>", "system prompt")
    .option("--url <address>", "a gateway other than the one on this machine")
    .option("--key <key>", "gateway key (default: $MEGALLM_API_KEY)")
    .option("--json", "print the whole answer as JSON")
    .addHelpText("after", examples('megallm chat demo/echo "hello"', "megallm chat openai/gpt-4o"))
    .action(async (model, prompt, options) =>
      (await import("./chat.ts")).chat(model, prompt.join(" "), options),
    );

  program
    .command("version")
    .description("print the version")
    .option("--json", "print as JSON")
    .addHelpText("after", examples("megallm version"))
    .action((options: { json?: boolean }) => {
      console.log(
        options.json ? JSON.stringify({ version, bun: Bun.version }) : `megallm ${version}`,
      );
    });

  program.addHelpText(
    "after",
    `
Exit codes: 0 done · 1 the answer is no (problems found, request failed) · 2 wrong arguments ·
            3 the daemon cannot start · 4 no daemon answers
${examples("megallm", 'megallm chat demo/echo "hello"', "megallm init")}`,
  );
  return program;
}

const examples = (...lines: string[]): string =>
  `\nExamples:\n${lines.map((line) => `  ${line}`).join("\n")}\n`;

function parsePort(text: string): number {
  const port = Number(text);
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new ExitError(exitCodes.usage, `--port must be a whole number from 0 to 65535, not ${text}`);
  }
  return port;
}

/** Runs one command line and resolves with the exit code. */
export async function run(argv: readonly string[]): Promise<number> {
  try {
    await createProgram().parseAsync([...argv], { from: "user" });
    return Number(process.exitCode ?? exitCodes.ok);
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : exitCodes.usage;
    if (error instanceof ExitError) {
      console.error(error.message);
      return error.exitCode;
    }
    if (error instanceof ConfigError) {
      for (const problem of error.problems) console.error(formatProblem(problem));
      return exitCodes.failed;
    }
    throw error;
  }
}
