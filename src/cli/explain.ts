// `megallm explain`: where a request would go and why, what it would cost, and what would be sent; nothing is.
import { createGatewayFrom } from "../gateway.ts";
import { dim } from "../lib/color.ts";
import { randomSecret } from "../lib/id.ts";
import { stringify } from "../lib/json.ts";
import { indentJson } from "../lib/json-indent.ts";
import { createLogger } from "../lib/log.ts";
import { Secret } from "../lib/secret.ts";
import { openStore } from "../store/store.ts";
import { errorText, postAdmin } from "./daemon-client.ts";
import { runningDaemon } from "./daemon-file.ts";
import { ExitError, exitCodes } from "./exit.ts";
import type { Explanation } from "../pipeline/explain.ts";
import { renderExplanation } from "./explanation.ts";
import { readInput } from "./input.ts";
import { print } from "./output.ts";
import { daemonSettings, loadSettings } from "./settings.ts";

export interface ExplainOptions {
  file: string;
  path?: string;
  header: string[];
  key?: string;
  json?: boolean;
  config?: string;
  dataDir?: string;
}

/** The daemon knows who rests and whose turn it is; without one, a gateway that has just begun is asked. @throws ExitError */
export async function explain(options: ExplainOptions): Promise<void> {
  const call = stringify({
    ...(options.path !== undefined && { path: options.path }),
    headers: headersOf(options.header),
    body: textOf(await readInput(options.file)),
    ...(options.key !== undefined && { key: options.key }),
  });
  const overrides = { dataDir: options.dataDir };
  const settings = daemonSettings(options.config, overrides);
  const isRunning = runningDaemon(settings.dataDir) !== null;
  const text = isRunning
    ? await postAdmin(settings, "/admin/explain", call)
    : await askFresh(options, call);
  const explanation = JSON.parse(text) as Explanation;
  if (options.json) await print(indentJson(text));
  else {
    await print(renderExplanation(explanation, text));
    if (!isRunning) await print(dim("\n(no gateway is running: as one that has just begun)"));
  }
  if (explanation.error) throw new ExitError(exitCodes.failed, "");
}

/** @throws ExitError `usage` */
function headersOf(lines: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    lines.map((line) => {
      const [, name, value = ""] = /^([^:\s]+):\s*(.*)$/.exec(line) ?? [];
      if (name !== undefined) return [name.toLowerCase(), value];
      throw new ExitError(
        exitCodes.usage,
        `--header takes a name and a value, such as 'x-megallm-policy: lowest-cost', not \`${line}\`.`,
      );
    }),
  );
}

function textOf(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new ExitError(exitCodes.usage, "The request is not valid UTF-8.");
  }
}

/** By a gateway in this process, with a ledger that nobody keeps. */
async function askFresh(options: ExplainOptions, call: string): Promise<string> {
  const { reload } = loadSettings(options.config, { dataDir: options.dataDir });
  const store = await openStore({ path: ":memory:" });
  const adminKey = new Secret(randomSecret());
  try {
    const gateway = createGatewayFrom({
      source: reload,
      store,
      log: createLogger({ level: "error", format: "pretty" }),
      env: process.env,
      adminKey: () => adminKey,
    });
    await gateway.discover();
    const answer = await gateway.fetch(
      new Request("http://localhost/admin/explain", {
        method: "POST",
        headers: { authorization: `Bearer ${adminKey.reveal()}` },
        body: call,
      }),
    );
    const text = await answer.text();
    if (answer.status === 200) return text;
    const hint =
      options.key === undefined ? "" : " No gateway is running, so no directory is asked.";
    throw new ExitError(exitCodes.failed, `${errorText(text)}${hint}`);
  } finally {
    await store.close();
  }
}
