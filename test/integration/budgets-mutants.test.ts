// B04: each hook that budgets and limits hang on is taken out in a copy of the sources, and some test must notice.
import { afterAll, expect, test } from "bun:test";
import { createMutants, type Mutation } from "../support/mutate.ts";
import { repeats } from "../support/numbers.ts";

const doors = "./test/integration/budgets-doors.test.ts";
const cap = "./test/integration/budgets-cap.test.ts";
const limits = "./test/integration/rate-limits.test.ts";
const lasting = "./test/integration/budgets-lasting.test.ts";

const subjects = (kind: string): Mutation => ({
  name: `the ${kind} is nobody's subject`,
  file: "src/access/directory.ts",
  from: `...(${kind} ? [{ kind: "${kind}", id: ${kind}.id } as const] : []),`,
  to: "",
  test: doors,
  only: "budgets of the team",
});

const mutations: Mutation[] = [
  {
    name: "nothing is held",
    file: "src/pipeline/attempts.ts",
    from: "const held = await admission.hold(candidate, moreInput);",
    to: "const held = { costOf: () => {}, free: () => {} };",
    test: doors,
    only: "OpenAI chat$",
  },
  {
    name: "nobody enters",
    file: "src/pipeline/attempts.ts",
    from: "await admission.enter(options.demand, candidates, { holdsNext: !mayWait(candidates, current) });",
    to: "",
    test: limits,
    only: "of a key",
  },
  {
    name: "nothing is charged",
    file: "src/pipeline/record.ts",
    from: "admission?.charges(),",
    to: "admission && { nanos: 0n, accounts: [] },",
    test: lasting,
    only: "lowered under 100 streams",
  },
  {
    name: "attempts do not tell what they cost",
    file: "src/pipeline/traffic.ts",
    from: "held.costOf(() => costOf(all));",
    to: "",
    test: lasting,
    only: "lowered under 100 streams",
  },
  {
    name: "nobody leaves",
    file: "src/pipeline/record.ts",
    from: "admission?.leave(isRefused ? null : { inputTokens, outputTokens });",
    to: "",
    test: limits,
    only: "gives its place back",
  },
  {
    name: "the refused are counted",
    file: "src/pipeline/record.ts",
    from: "admission?.leave(isRefused ? null : { inputTokens, outputTokens });",
    to: "admission?.leave({ inputTokens, outputTokens });",
    test: limits,
    only: "no deployment may answer",
  },
  {
    name: "the key is nobody's subject",
    file: "src/access/directory.ts",
    from: `{ kind: "key", id: key.id },`,
    to: "",
    test: doors,
    only: "OpenAI chat$",
  },
  subjects("team"),
  subjects("organization"),
  subjects("user"),
  {
    name: "end users count for nothing",
    file: "src/pipeline/admission-rules.ts",
    from: `...(user === null ? [] : [{ kind: "end_user", id: user } as const]),`,
    to: "",
    test: doors,
    only: "budget of a end user",
  },
  {
    name: "tags count for nothing",
    file: "src/pipeline/admission-rules.ts",
    from: '.map((id): Subject => ({ kind: "tag", id })),',
    to: ".flatMap((): Subject[] => []),",
    test: doors,
    only: "tag by",
  },
  {
    name: "the cap is not sent",
    file: "src/pipeline.ts",
    from: "planned.capped(seen, outputCap, each)",
    to: "seen",
    test: cap,
    only: "openai-chat → anthropic-messages",
  },
  {
    name: "the cap is not lowered to what is left",
    file: "src/pipeline/admission.ts",
    from: "if (affordable !== null && affordable.cap < outputCap) {",
    to: "if (affordable !== null && affordable.cap > outputCap) {",
    test: cap,
    only: "gemini → gemini",
  },
  {
    name: "a realtime response holds nothing",
    file: "src/pipeline/realtime-accounts.ts",
    from: "held: await admission.hold(candidate) };",
    to: "held: { costOf: () => {}, free: () => {} } };",
    test: doors,
    only: "as many responses",
  },
  {
    name: "a realtime response does not wait",
    file: "src/pipeline/realtime-accounts.ts",
    from: "if (!waiting && (!place || place.isReady)) {",
    to: "if (!waiting) {",
    test: doors,
    only: "as many responses",
  },
];

const mutants = createMutants();
afterAll(() => mutants.dispose());

/** The first are enough to see that the wiring is there; all of them with `MUTANTS=100`. */
const chosen = mutations.slice(0, repeats("MUTANTS", 8));

test.each([...new Set(chosen.map((each) => each.test))])(
  "B04: %s passes on what is not changed",
  async (file) => {
    const own = chosen.filter((each) => each.test === file);
    const only = own.map((each) => each.only ?? "").join("|");
    const { passed, failed, output } = await mutants.run({ test: file, only });
    expect([failed, output]).toEqual([0, output]);
    expect(passed).toBeGreaterThan(0);
  },
  60_000,
);

test.each(chosen)(
  "B04: $name: the tests notice",
  async (mutation) => {
    const { failed, passed, output } = await mutants.run(mutation);
    // One that fails, not one that could not be read or was not found.
    if (failed === 0 || /error: (?:Cannot find|Unexpected|Expected ")/.test(output)) {
      throw new Error(`nobody noticed (${passed} passed):\n${output.slice(-1_500)}`);
    }
    expect(failed).toBeGreaterThan(0);
  },
  60_000,
);
