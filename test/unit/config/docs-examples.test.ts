// The configurations that the documents show pass `megallm check`.
import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { parseConfig } from "../../../src/config/load.ts";
import { providers } from "../../../src/providers/index.ts";

const root = `${import.meta.dir}/../../..`;
const pages = ["README.md", ...readdirSync(`${root}/docs`).map((name) => `docs/${name}`)].filter(
  (name) => name.endsWith(".md"),
);

/** Beginnings of what is ours: Continue's file, for one, is another's. */
const sections =
  /^(?:server|data_dir|store|log|budgets|limits|ledger|alerts|admin|keys|providers|models|aliases|default_fallbacks|timeouts|health|affinity|queue|unsupported|prices|discover|guardrails):/;

const examples = pages.flatMap((page) =>
  [...readFileSync(`${root}/${page}`, "utf8").matchAll(/^```yaml\n([^]*?)^```$/gm)]
    .map(([, text = ""]) => text)
    // The reference shows single fields; a test of its own puts each where it stands.
    .filter((text) => page !== "docs/configuration.md" && sections.test(text))
    .map((text, at): [string, string] => [`${page}, ${at + 1}`, text]),
);

/** Behind examples that show no providers of their own. */
const others = `
providers:
  openai: {}
  anthropic: {}
  claude: { type: anthropic, api_key: k }
  mine: { type: openai-compatible, base_url: "http://10.0.0.5:8000/v1", api_key: k }
`;

test("there are some", () => {
  expect(examples.length).toBeGreaterThan(7);
});

test.each(examples)("%s", (_place, text) => {
  const variables = [...text.matchAll(/\$\{([A-Z0-9_]+)\}/g)].map(([, name = ""]) => name);
  const env = Object.fromEntries(
    ["OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY", "GROQ_API_KEY", ...variables].map(
      (name) => [name, `${name}-0123456789`],
    ),
  );
  // Secret files of the examples are not on this machine.
  const here = text.replaceAll(/\$\{file:([^}]*)\}/g, "0123456789-abcdef$1");
  const whole = /^providers:/m.test(here) ? here : here + others;
  expect(parseConfig(whole, { env, presets: providers }).warnings).toEqual([]);
});
