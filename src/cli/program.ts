// The command table.
import { Command, CommanderError, Option } from "commander";
import type { DialectId } from "../ir/chat.ts";
import { nearest } from "../lib/suggest.ts";
import { version } from "../version.ts";
import { addKeyCommands } from "./admin/key-commands.ts";
import { addRecordCommands } from "./admin/record-commands.ts";
import { addTenantCommands } from "./admin/tenant-commands.ts";
import {
  configOption,
  dataDirOption,
  examples,
  jsonOption,
  subcommandTerm,
} from "./command-parts.ts";
import { ExitError, exitCodes } from "./exit.ts";
import { harmless, print, tell } from "./output.ts";
import { isServing } from "./request-limit.ts";

/** Commands load their code when they are called, so that `--help` and `version` start fast. */
function createProgram(argv: readonly string[]): Command {
  const program = new Command("megallm")
    .description("One executable between any LLM client and any LLM provider.")
    .version(version, "-V, --version", "print the version")
    .helpOption("-h, --help", "show help")
    .helpCommand("help [command]", "show help for a command")
    .configureHelp({ subcommandTerm })
    .showHelpAfterError("(run with --help for the options and examples)")
    .exitOverride();

  program
    .command("serve", { isDefault: true })
    .description("start the gateway (also without any command)")
    .addOption(configOption())
    .option("--host <address>", "address to listen on (default: 127.0.0.1 and ::1)")
    .option(
      "-p, --port <number>",
      "port to listen on, 0 for any free one (default: 6342)",
      parsePort,
    )
    .addOption(dataDirOption())
    .addOption(
      new Option("--log-level <level>", "least level logged").choices([
        "debug",
        "info",
        "warn",
        "error",
      ]),
    )
    .addHelpText("after", examples("megallm", "megallm serve --config ./megallm.yaml --port 4000"))
    .action(async (options) => (await import("./serve.ts")).serve(options));

  // To describe all the others takes as long as to read the configuration.
  if (!isServing(argv)) addOtherCommands(program);
  return program;
}

function addOtherCommands(program: Command): void {
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
    .option("-c, --config <file>", "the same as the argument")
    .option("--print", "print the effective configuration, secrets hidden")
    .addOption(jsonOption())
    .addHelpText("after", examples("megallm check ./megallm.yaml", "megallm check --print"))
    .action(async (file, options) => (await import("./check.ts")).check(file, options));

  program
    .command("import")
    .argument("<gateway>", "litellm, openrouter, portkey, claude-code-router or new-api")
    .argument("<file>", "its configuration; `-` reads standard input")
    .description(
      "write a megallm.yaml from another gateway's configuration, and tell what became of each key",
    )
    .option("-o, --output <file>", "where to write it (default: ./megallm.yaml)")
    .option("--stdout", "print it instead of writing a file; the report goes to standard error")
    .option("-f, --force", "replace existing files")
    .option("--env <file>", "write the secrets that stood in plain text there, as NAME=value")
    .option("--keep-secrets", "leave plain-text secrets in the file")
    .addOption(jsonOption())
    .addHelpText(
      "after",
      examples(
        "megallm import litellm config.yaml",
        "megallm import claude-code-router ~/.claude-code-router/config.json --env .env",
        "megallm import litellm config.yaml --stdout --keep-secrets",
      ),
    )
    .action(async (gateway, file, options) =>
      (await import("./import.ts")).importFile(gateway, file, options),
    );

  program
    .command("status")
    .description("what the running daemon serves, and how it is doing")
    .addOption(configOption())
    .addOption(dataDirOption())
    .addOption(jsonOption())
    .addHelpText("after", examples("megallm status", "megallm status --json"))
    .action(async (options) => (await import("./status.ts")).status(options));

  program
    .command("models")
    .description("the models a client can ask for, with context window, abilities and prices")
    .addOption(configOption())
    .option("--provider <name>", "only this provider's")
    .option("--live", "ask the providers for their models now")
    .option("--all", "also the catalogue's models of providers that are not configured")
    .addOption(jsonOption())
    .addHelpText(
      "after",
      examples(
        "megallm models",
        "megallm models --provider openai --live",
        "megallm models --all --json",
      ),
    )
    .action(async (options) => (await import("./models.ts")).models(options));

  program
    .command("usage")
    .description("requests, tokens and cost, from the ledger")
    .option(
      "--by <what>",
      "model, provider, day, key, route, status, organization, team or user",
      "model",
    )
    .option("--since <time>", "how far back: 90m, 24h, 7d, 2w or a date such as 2026-01-31", "30d")
    .addOption(configOption())
    .addOption(dataDirOption())
    .addOption(jsonOption())
    .addHelpText("after", examples("megallm usage", "megallm usage --by day --since 7d --json"))
    .action(async (options) => (await import("./usage.ts")).usage(options));

  const ledger = program
    .command("ledger")
    .description("check that everything in the ledger adds up");
  ledger
    .command("verify")
    .description("recompute every counter, sum and charge from the rows")
    .option("--rebuild", "mend counters and sums; by the gateway where one is running on the file")
    .addOption(configOption())
    .addOption(dataDirOption())
    .addOption(jsonOption())
    .addHelpText(
      "after",
      examples("megallm ledger verify", "megallm ledger verify --rebuild --json"),
    )
    .action(async (options) => (await import("./ledger-verify.ts")).verifyLedger(options));

  program
    .command("reconcile")
    .argument("<provider>", "the provider's name in the configuration")
    .argument("<file>", "its export: usage or costs, as CSV or as JSON from its API")
    .description("compare a provider's bill with the ledger, model by model")
    .option("--tolerance <share>", "how much a model may differ", "1%")
    .option("--by-day", "each day apart")
    .option("--resolve", "what unresolved charges of these days did cost, by the bill")
    .option("--yes", "with --resolve: correct them")
    .addOption(configOption())
    .addOption(dataDirOption())
    .addOption(jsonOption())
    .addHelpText(
      "after",
      `\nExports of OpenAI, Anthropic and OpenRouter are understood. Exit code 1: a model differs by more.\n${examples(
        "megallm reconcile openai cost_2026-01-01_2026-01-31.csv",
        "megallm reconcile anthropic usage.csv --tolerance 0.5% --by-day",
        "megallm reconcile openrouter activity.json --json",
        "megallm reconcile openai costs.csv --resolve",
      )}`,
    )
    .action(async (provider, file, options) =>
      (await import("./reconcile.ts")).reconcile(provider, file, options),
    );

  const requests = program.command("requests").description("single requests of the ledger");
  requests
    .command("show")
    .argument("<id>", "the request's id, as in the header `x-request-id`")
    .description("one request with its attempts")
    .option("--bodies", "also what was sent and answered, where it was kept")
    .addOption(configOption())
    .addOption(dataDirOption())
    .addOption(jsonOption())
    .addHelpText("after", examples("megallm requests show req_0192f0c2 --bodies"))
    .action(async (id, options) => (await import("./requests.ts")).showRequest(id, options));

  const data = program
    .command("data")
    .description("what is kept about one person: hand it out, or take it away");
  subjectOptions(data.command("export"))
    .description("everything that is kept, one JSON object a line")
    .addHelpText("after", examples("megallm data export --user jane@example.com > jane.jsonl"))
    .action(async (options) => (await import("./data.ts")).exportData(options));
  subjectOptions(data.command("delete"))
    .description("count what there is; with --yes, take it away so that sums still add up")
    .option("--yes", "do it; by the gateway where one is running on the file")
    .addOption(jsonOption())
    .addHelpText(
      "after",
      examples("megallm data delete --end-user customer-17", "megallm data delete --key old --yes"),
    )
    .action(async (options) => (await import("./data.ts")).deleteData(options));

  program
    .command("experiments")
    .argument("[name]", "one experiment (default: all)")
    .description("what each arm of an experiment costs, and how well it does")
    .option("--since <time>", "how far back: 90m, 24h, 7d, 2w or a date such as 2026-01-31", "30d")
    .option("--shadow", "shadows instead: both answers' time, cost and end, side by side")
    .addOption(configOption())
    .addOption(dataDirOption())
    .addOption(jsonOption())
    .addHelpText(
      "after",
      examples(
        "megallm experiments",
        "megallm experiments sonnet-trial --since 7d --json",
        "megallm experiments --shadow --since 24h",
      ),
    )
    .action(async (name, options) => (await import("./experiments.ts")).experiments(name, options));

  program
    .command("chat")
    .argument("<model>", "model name, e.g. demo/echo")
    .argument(
      "[prompt...]",
      "what to say; piped text follows it; without both the chat is interactive",
    )
    .description("talk to a model in the terminal")
    .addOption(configOption())
    .addOption(dataDirOption())
    .option("-s, --system <text>", "system prompt")
    .option("--url <address>", "a gateway other than the one on this machine")
    .option("--key <key>", "gateway key (default: $MEGALLM_API_KEY)")
    .option("--json", "print the whole answer as JSON")
    .addHelpText(
      "after",
      examples(
        'megallm chat demo/echo "hello"',
        "megallm chat openai/gpt-4o",
        'megallm chat openai/gpt-4o "summarise:" < notes.txt',
      ),
    )
    .action(async (model, prompt, options) =>
      (await import("./chat.ts")).chat(model, prompt.join(" "), options),
    );

  program
    .command("translate")
    .argument("[file]", "a request's JSON body; `-` or nothing reads standard input", "-")
    .description("what a request becomes for a provider, and what it loses; nothing is sent")
    .option(
      "--to <dialect>",
      "the wire to translate to (default: what the request's model would get)",
    )
    .option("--from <dialect>", "the wire it is written in (default: told by its shape)")
    .option("--model <name>", "model name, where the body has none or another is wanted")
    .option("--stream", "as a streamed request, where the wire says that in its path")
    .addOption(configOption())
    .addOption(jsonOption())
    .addHelpText(
      "after",
      `\nDialects: ${dialectNames.join(", ")}.\n${examples(
        "megallm translate --to anthropic-messages request.json",
        "megallm translate --from gemini --model gemini/gemini-2.5-pro --to openai-chat body.json",
        "curl -s https://example.com/request.json | megallm translate --to gemini --json | jq .warnings",
      )}`,
    )
    .action(async (file, options) => (await import("./translate.ts")).translateFile(file, options));

  program
    .command("explain")
    .description("where a request goes and why, what it costs, and what is sent; nothing is sent")
    .option("-f, --file <file>", "the request's JSON body; `-` reads standard input", "-")
    .option("--path <path>", "where it is posted to (default: told by the body's shape)")
    .option(
      "--header <line>",
      "a header of the request; may stand several times",
      (line: string, lines: string[]) => [...lines, line],
      [],
    )
    .option("--key <key>", "as the client with this key: its name, or its id in the directory")
    .addOption(configOption())
    .addOption(dataDirOption())
    .addOption(jsonOption())
    .addHelpText(
      "after",
      `\nA running gateway is asked, which knows who rests and whose turn it is. Exit code 1: the
request would be refused without anybody being asked.\n${examples(
        "megallm explain -f request.json",
        "megallm explain -f request.json --path /v1/messages --key team-a",
        "megallm explain -f request.json --header 'x-megallm-policy: lowest-cost'",
        "megallm explain --json < request.json | jq '.candidates[].deployment'",
      )}`,
    )
    .action(async (options) => (await import("./explain.ts")).explain(options));

  addKeyCommands(program);
  addTenantCommands(program);
  addRecordCommands(program);

  program
    .command("version")
    .description("print the version")
    .addOption(jsonOption())
    .addHelpText("after", examples("megallm version"))
    .action(async (options: { json?: boolean }) => {
      await print(
        options.json ? JSON.stringify({ version, bun: Bun.version }) : `megallm ${version}`,
      );
    });

  program.addHelpText(
    "after",
    `
The configuration is --config, $MEGALLM_CONFIG, ~/.config/megallm/megallm.yaml or
/etc/megallm/megallm.yaml; without any, the gateway serves what the environment offers.

Exit codes: 0 done · 1 the answer is no (problems found, request failed)
            2 wrong arguments · 3 the daemon cannot start · 4 no daemon answers
${examples("megallm", 'megallm chat demo/echo "hello"', "megallm init", "megallm serve --help")}`,
  );
}

/** Written out, so that help need not load the dialects. */
const dialectNames: readonly DialectId[] = [
  "openai-chat",
  "openai-responses",
  "anthropic-messages",
  "gemini",
  "ollama",
  "bedrock-converse",
  "cohere",
];

/** Whose data; exactly one of them. */
const subjectOptions = (command: Command): Command =>
  command
    .option("--user <id>", "a user of the directory, by id or address")
    .option("--end-user <name>", "an end user, as clients name them in their requests")
    .option("--key <id>", "a key, by id, or by name where it is one of the configuration")
    .addOption(configOption())
    .addOption(dataDirOption());

function parsePort(text: string): number {
  const port = Number(text);
  if (!/^\d{1,5}$/.test(text) || port > 65_535) {
    throw new ExitError(
      exitCodes.usage,
      `--port takes a whole number from 0 to 65535, not \`${text}\`.`,
    );
  }
  return port;
}

/** A word that is no command would be taken for an argument of the default one. @throws ExitError `usage` */
function refuseUnknownCommand(program: Command, argv: readonly string[]): void {
  const [word, ...rest] = argv;
  if (word === undefined || word.startsWith("-") || program.commands.length === 0) return;
  const names = [...program.commands.map((command) => command.name()), "help"];
  if (names.includes(word)) {
    const command = program.commands.find((each) => each.name() === word);
    if (command) refuseUnknownCommand(command, rest);
    return;
  }
  const [near] = nearest(word, names, 1);
  throw new ExitError(
    exitCodes.usage,
    `\`${word}\` is not a command. ${near === undefined ? `The commands are ${names.join(", ")}.` : `Did you mean \`${near}\`?`}`,
  );
}

/** Runs one command line and resolves with the exit code. */
export async function run(argv: readonly string[]): Promise<number> {
  try {
    const program = createProgram(argv);
    refuseUnknownCommand(program, argv);
    await program.parseAsync([...argv], { from: "user" });
    return exitCodes.ok;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : exitCodes.usage;
    const { toExitError } = await import("./failure.ts");
    const { exitCode, message } = toExitError(error);
    if (message !== "") tell(harmless(message, "\n\t"));
    return exitCode;
  }
}
