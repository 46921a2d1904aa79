// What claude-code-router's configuration says of its own server: address, key, deadline, logs.
import { isIP } from "node:net";
import type { JsonObject } from "../lib/json.ts";
import type { Job } from "./importer.ts";
import { isStrongKey } from "./safe.ts";
import { readShell } from "./text.ts";
import { entryOf, millisecondsText, scalarText, wholeNumber } from "./values.ts";

const levels: Readonly<Record<string, string>> = {
  fatal: "error",
  error: "error",
  warn: "warn",
  info: "info",
  debug: "debug",
  trace: "debug",
};

export function importServer(root: JsonObject, { report, draft, variables }: Job): void {
  const key = root["APIKEY"];
  const isLocked = typeof key === "string" && key !== "";
  if (isLocked) {
    const text = readShell(key);
    const isWeak = typeof text === "string" && !isStrongKey(text);
    const hidden = isWeak
      ? variables.hidden(text, "CLAUDE_CODE_ROUTER_KEY", ["APIKEY"])
      : variables.secret(text, "CLAUDE_CODE_ROUTER_KEY", ["APIKEY"]);
    draft.keys.set("claude-code", hidden);
    if (isWeak)
      report.adapted(
        ["APIKEY"],
        ["keys", "claude-code"],
        "it is too easy to guess and will be refused: choose one of at least 16 characters",
      );
    else report.carried(["APIKEY"], ["keys", "claude-code"]);
  }
  const host = root["HOST"];
  if (typeof host === "string" && host !== "") {
    const isLoopback = host === "localhost" || host.startsWith("127.") || host === "::1";
    if (!isLoopback && isIP(host) === 0)
      report.left(["HOST"], "expected an IP address or `localhost`");
    else if (!isLoopback && !isLocked)
      report.left(["HOST"], "without a key the gateway listens on this machine only");
    else report.carried(["HOST"], draft.set(["server", "host"], host));
  }
  const port = wholeNumber(root["PORT"], 0, 65_535);
  if (port !== undefined) report.carried(["PORT"], draft.set(["server", "port"], port));
  const timeout = millisecondsText(root["API_TIMEOUT_MS"]);
  if (timeout !== undefined) {
    report.adapted(
      ["API_TIMEOUT_MS"],
      draft.set(["timeouts", "total"], timeout),
      "the whole of one attempt; streams count until they are over",
    );
  }
  const level = entryOf(levels, scalarText(root["LOG_LEVEL"]) ?? "");
  if (level !== undefined) {
    report.carried(["LOG_LEVEL"], draft.set(["log", "level"], level));
  }
}
