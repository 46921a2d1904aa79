// The doubles by hand: the command starts both, and tells each request's verdict in a line.
import { expect, test } from "bun:test";

test("the command serves both wires and prints verdicts", async () => {
  const main = `${import.meta.dir}/../../support/upstream/main.ts`;
  const child = Bun.spawn(
    [process.execPath, main, "--openai", "0", "--anthropic", "0", "--key", "sk", "--model", "mine"],
    { stdout: "pipe", stderr: "inherit" },
  );
  const reader = child.stdout.getReader();
  const decoder = new TextDecoder();
  let printed = "";
  const until = async (count: number): Promise<string[]> => {
    while (printed.split("\n").length <= count) {
      const next = await reader.read();
      if (next.done) break;
      printed += decoder.decode(next.value);
    }
    return printed.split("\n");
  };
  try {
    const [first = "", second = ""] = await until(2);
    const [openai = ""] = /http:\S+/.exec(first) ?? [];
    const [anthropic = ""] = /http:\S+/.exec(second) ?? [];
    expect(openai).toEndWith("/v1");
    const body = { model: "mine", messages: [{ role: "user", content: "x" }] };
    const post = (url: string, json: unknown, headers: Record<string, string>): Promise<Response> =>
      fetch(url, {
        method: "POST",
        headers: { "content-type": "application/json", authorization: "Bearer sk", ...headers },
        body: JSON.stringify(json),
      });
    await post(`${openai}/chat/completions`, body, {});
    await post(`${openai}/chat/completions`, { ...body, top_k: 1 }, {});
    await post(`${anthropic}/v1/messages`, body, { "anthropic-version": "2023-06-01" });
    const lines = await until(5);
    expect(lines[2]).toMatch(/^openai POST \/v1\/chat\/completions \d+ bytes: accepted$/);
    expect(lines[3]).toEndWith("refused 400 Unrecognized request argument supplied: top_k");
    expect(lines[4]).toEndWith("refused 400 max_tokens: Field required");
  } finally {
    child.kill();
    await child.exited;
  }
});
