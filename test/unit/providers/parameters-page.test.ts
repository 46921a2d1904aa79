// The page of quirks, made from the presets.
import { expect, test } from "bun:test";
import { quirkLines, renderParameters } from "../../../src/providers/describe-quirks.ts";
import { providers } from "../../../src/providers/index.ts";

const page = renderParameters(providers);

test("docs/parameters.md is fresh", async () => {
  expect(await Bun.file(`${import.meta.dir}/../../../docs/parameters.md`).text()).toBe(page);
});

test("it names every quirk of every provider, with what becomes of a request", () => {
  const used = new Set(providers.flatMap(({ quirks }) => Object.keys(quirks)));
  expect(used.size).toBeGreaterThan(20);
  for (const name of used) {
    expect(page).toMatch(
      new RegExp(
        `^\\| \`${name}\` \\| [A-Z\`].+\\. \\| (?:edited|translated|as it is) \\| \``,
        "m",
      ),
    );
  }
  for (const { id, quirks } of providers) {
    for (const line of quirkLines(quirks)) {
      expect(page).toContain(`${line.replaceAll("|", "\\|")} |\n`);
      expect(page).toContain(`| \`${id}\` | `);
    }
  }
  expect(page).toContain(
    "| `mistral` | `toolCallIdLength` | ids of tool calls are 9 letters and digits |",
  );
  expect(page).toContain(
    "| `dashscope` | `reasoningRequest` | reasoning is asked for by `enable_thinking` |",
  );
  expect(page).not.toContain("undefined");
});

test("a quirk without a word for it is a provider's usual way", () => {
  expect(quirkLines({ usageInStream: "option" })).toEqual([]);
  expect(quirkLines({ usageInStream: "never", clamp: { n: { min: 1, max: 2 } } })).toEqual([
    "streams do not report usage",
    "`n`: at least 1, at most 2",
  ]);
});
