// Nothing is lost in silence: each feature of each wire is there at the other side, or a warning names it.
import { describe, expect, test } from "bun:test";
import { ids } from "../../scripts/fidelity/feature.ts";
import { renderFidelity } from "../../scripts/fidelity/render.ts";
import { runAll, type Verdict } from "../../scripts/fidelity/run.ts";

const verdicts = runAll();
const shown = ({ group, feature, from, to, note }: Verdict): string =>
  `${group}, ${feature}: ${from} → ${to} ${note}`.trim();

describe("what crosses between wires", () => {
  test("no feature is lost without a word", () => {
    expect(verdicts.filter(({ kind }) => kind === "silent").map(shown)).toEqual([]);
  });

  test("a wire keeps what is its own", () => {
    const own = verdicts.filter(({ from, to, kind }) => from === to && kind !== "kept");
    // OpenAI's models refuse reasoning that a client shows them.
    expect(own.map(({ feature, from }) => `${feature}, ${from}`)).toEqual([
      "earlier reasoning, readable only, openai-chat",
    ]);
  });

  test("every wire has its features, and every pair is run", () => {
    expect(verdicts.length).toBeGreaterThan(2_000);
    for (const from of ids) {
      for (const to of ids) {
        const found = verdicts.filter((each) => each.from === from && each.to === to);
        expect(found.length).toBeGreaterThan(30);
      }
    }
  });

  test("what is lost or mapped says how", () => {
    const mute = verdicts.filter(({ kind, note }) => kind !== "kept" && note === "");
    expect(mute.map(shown)).toEqual([]);
  });
});

test("the page is the same at each run", () => {
  const page = renderFidelity(verdicts);
  expect(renderFidelity()).toBe(page);
  expect(page).not.toContain("undefined");
  expect(page).not.toMatch(/_01[0-9a-f]{30}/);
});
