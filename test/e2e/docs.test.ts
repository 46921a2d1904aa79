// What the documents tell people to paste, pasted: every command for the built-in provider, every snippet of an SDK.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Daemon, startDaemon } from "../support/daemon.ts";

const root = join(import.meta.dir, "../..");
const address = "http://127.0.0.1:6342";

let daemon: Daemon;
beforeAll(async () => {
  daemon = await startDaemon();
});
afterAll(() => daemon.dispose());

/** Code blocks of one language. */
const blocks = (page: string, language: string): string[] =>
  [...readFileSync(join(root, page), "utf8").matchAll(/^```(\w+)\n([^]*?)^```$/gm)]
    .filter(([, found]) => found === language)
    .map(([, , text = ""]) => text);

async function run(
  command: readonly string[],
  input?: string,
): Promise<{ code: number; out: string }> {
  const child = Bun.spawn([...command], {
    cwd: root,
    stdin: input === undefined ? "ignore" : new Blob([input]),
    stdout: "pipe",
    stderr: "pipe",
  });
  const [out, error, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return { code, out: out + error };
}

/** Commands with their continued lines. */
const commands = ["README.md", "docs/http-api.md"].flatMap((page) =>
  blocks(page, "sh")
    .join("\n")
    .replaceAll("\\\n", " ")
    .split("\n")
    .filter((line) => line.startsWith("curl ") && line.includes("demo"))
    .map((line): [string] => [line]),
);

describe("commands for the built-in provider", () => {
  test("there is one for each protocol", () => {
    expect(commands.length).toBeGreaterThan(10);
  });

  test.each(commands)("%s", async (line) => {
    const here = line.replace(address, daemon.url).replace(/^curl /, "curl -sS --fail-with-body ");
    const { code, out } = await run(["sh", "-c", here]);
    expect([code, out]).toEqual([0, expect.stringMatching(/hello|embedding|"echo"/)]);
  });
});

describe("snippets of docs/clients.md", () => {
  const snippets = blocks("docs/clients.md", "ts").map((text): [string, string] => [
    /from "(.*)"/.exec(text)?.[1] ?? "",
    text,
  ]);

  test("there is one for each SDK", () => {
    expect(snippets.map(([name]) => name)).toEqual([
      "openai",
      "@anthropic-ai/sdk",
      "@google/genai",
      "ollama",
      "cohere-ai",
      "@aws-sdk/client-bedrock-runtime",
      "@ai-sdk/anthropic",
    ]);
  });

  test.each(snippets)("%s", async (_name, text) => {
    const { code, out } = await run(
      [process.execPath, "run", "-"],
      text.replaceAll(address, daemon.url),
    );
    expect([code, out]).toEqual([0, expect.stringContaining("hello")]);
  });
});
