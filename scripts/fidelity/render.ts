// The page that tells what becomes of each feature between any two wires.
import type { DialectId } from "../../src/ir/chat.ts";
import { models } from "./bodies.ts";
import { ids } from "./feature.ts";
import { type Kind, runAll, type Verdict } from "./run.ts";

const labels: Readonly<Record<DialectId, string>> = {
  "openai-chat": "chat",
  "openai-responses": "responses",
  "anthropic-messages": "messages",
  gemini: "gemini",
  ollama: "ollama",
  "bedrock-converse": "converse",
  cohere: "cohere",
};

const signs: Readonly<Record<Kind, string>> = {
  kept: "✓",
  mapped: "≈",
  lost: "✗",
  refused: "⊘",
  aside: "○",
  silent: "**!**",
};

/** Markdown of `docs/fidelity.md`. */
export function renderFidelity(verdicts: readonly Verdict[] = runAll()): string {
  const groups = Map.groupBy(verdicts, ({ group }) => group);
  return `# Fidelity

${intro}

${counts(verdicts)}

${[...groups].map(([group, found]) => renderGroup(group, found)).join("\n\n")}
`;
}

const intro = `<!-- Made by \`bun run generate\` from scripts/fidelity, which runs the codecs. Do not edit. -->

Where client and provider speak the same wire, a request is relayed byte for byte and nothing on this page applies. Otherwise it is translated, and this page tells what becomes of each feature: a row is a feature in the words of the wires it is written in, a column the wire it is translated to. Every cell comes from running the codecs on a small request or answer with the feature and one without it, and reading what was written with the other wire's own reader; a feature that is neither there nor told in a warning fails the tests. A cell of a wire to itself is the codec's own way there and back, which is taken when something besides the bytes must change.

| sign | meaning |
| --- | --- |
| ✓ | kept: reads the same at the other side |
| ≈ | mapped: said in another way, or with a warning about a part of it; what it becomes stands below the table |
| ✗ | lost, with a warning (\`x-megallm-warnings\`, the usage row); with \`unsupported: error\` the request is refused instead |
| ⊘ | refused: the request is about nothing else |
| ○ | left out without a warning, on purpose; why stands below the table |

The wires: **chat** is OpenAI's Chat Completions, **responses** OpenAI's Responses, **messages** Anthropic's Messages, **converse** Amazon Bedrock's; **gemini**, **cohere** and **ollama** are those vendors' own. What depends on the model is shown for models that take as much as any of their vendor's: ${ids
  .map((id) => {
    const { plain, reasoning } = models[id];
    const names = [...new Set([plain, reasoning])].map((name) => `\`${name}\``).join(" and ");
    return `${labels[id]} ${names}`;
  })
  .join(
    ", ",
  )}. What a single request becomes, with every warning, shows \`megallm translate\` (see [the command line](cli.md)).`;

function counts(verdicts: readonly Verdict[]): string {
  const cell = (from: DialectId, to: DialectId): string => {
    const found = verdicts.filter((each) => each.from === from && each.to === to);
    const count = (...kinds: Kind[]): number =>
      found.filter(({ kind }) => kinds.includes(kind)).length;
    return `${count("kept")} / ${count("mapped")} / ${count("lost", "refused")}`;
  };
  const features = new Set(verdicts.map(({ group, feature }) => `${group} ${feature}`)).size;
  const total = (kind: Kind): number => verdicts.filter((each) => each.kind === kind).length;
  return `${features} features, ${verdicts.length} cells: ${total("kept")} kept, ${total("mapped")} mapped, ${total("lost")} lost with a warning, ${total("refused")} refused, ${total("aside")} left out on purpose, ${total("silent")} lost in silence.

Kept / mapped / lost or refused, by pair (requests from the row's client to the column's provider, and answers of the row's provider to the column's client):

${table(
  "",
  ids.map((from) => [`**${labels[from]}**`, ...ids.map((to) => cell(from, to))]),
)}`;
}

const table = (title: string, rows: readonly (readonly string[])[]): string =>
  [
    `| ${title} | ${ids.map((id) => labels[id]).join(" | ")} |`,
    `| --- |${" :-: |".repeat(ids.length)}`,
    ...rows.map((row) => `| ${row.join(" | ")} |`),
  ].join("\n");

function renderGroup(group: string, verdicts: readonly Verdict[]): string {
  const rows: string[][] = [];
  for (const [feature, found] of Map.groupBy(verdicts, (each) => each.feature)) {
    const lines = ids.flatMap((from) => {
      const line = found.filter((each) => each.from === from);
      const cells = ids.map((to) => signs[line.find((each) => each.to === to)?.kind ?? "kept"]);
      return line.length === 0 ? [] : [{ from, cells }];
    });
    // Wires that fare alike share a row.
    for (const same of Map.groupBy(lines, ({ cells }) => cells.join("")).values()) {
      const names = same.map(({ from }) => labels[from]).join(", ");
      rows.push([`${feature} · ${names}`, ...(same[0]?.cells ?? [])]);
    }
  }
  return `## ${group}

${table("from", rows)}

${notes(verdicts)}`;
}

/** Each note once, with the pairs that it is about. */
function notes(verdicts: readonly Verdict[]): string {
  const noted = verdicts.filter(({ note }) => note !== "");
  const lines = [...Map.groupBy(noted, ({ feature }) => feature)].flatMap(([feature, found]) =>
    [...Map.groupBy(found, ({ kind, note }) => `${signs[kind]} ${note}`)].map(
      ([text, same]) => `- *${feature}* ${pairsOf(same)}: ${text.replaceAll("|", String.raw`\|`)}`,
    ),
  );
  if (lines.length === 0) return "Nothing is changed or lost.";
  return `<details><summary>What is mapped, and why something is lost</summary>

${lines.join("\n")}

</details>`;
}

function pairsOf(verdicts: readonly Verdict[]): string {
  const byTarget = Map.groupBy(verdicts, ({ to }) => to);
  return [...byTarget]
    .map(([to, found]) => `${found.map(({ from }) => labels[from]).join(", ")} → ${labels[to]}`)
    .join("; ");
}
