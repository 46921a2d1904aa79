// Everyday prompts with the tier that `auto` gives them, and why.
import type { ChatRequest, Message, Tool } from "../src/ir/chat.ts";
import { complexityInput } from "../src/routing/complexity/input.ts";
import { scoreRequest } from "../src/routing/complexity/score.ts";
import type { Tier } from "../src/routing/complexity/tier.ts";
import prompts from "./everyday-prompts.json" with { type: "json" };

/** A prompt of the table, and the tiers a person finds right for it. */
export interface EverydayPrompt {
  kind: string;
  prompt: string;
  /** Tiers that look right, the best first. */
  right: Tier[];
  /** Text repeated behind the prompt, standing for a pasted document. */
  pasted?: number;
  before?: string;
  tools?: number;
  calls?: number;
  failures?: number;
  images?: number;
  json?: boolean;
  effort?: string;
}

export const everydayPrompts: readonly EverydayPrompt[] = prompts as EverydayPrompt[];

/** A table row per prompt. */
export function everydayRows(quality: number): string[] {
  let right = 0;
  const rows = everydayPrompts.map((each) => {
    const { score, tier, parts, familiarity } = scoreRequest(
      complexityInput(everydayRequest(each)),
      { quality },
    );
    const fits = each.right.includes(tier);
    if (fits) right += 1;
    const why = parts
      .filter((part) => part.share > 0)
      .slice(0, 4)
      .map((part) => `${part.feature} ${(part.share * 100).toFixed(0)} %`)
      .join(", ");
    return `${fits ? " " : "✗"} ${score.toFixed(2)} ${tier.padEnd(9)} ${each.kind.padEnd(12)} ${each.prompt.replaceAll("\n", " ⏎ ").slice(0, 76).padEnd(76)} ${familiarity > 0 ? `[trained ${familiarity.toFixed(1)}] ` : ""}${why}`;
  });
  return [...rows, `${right} of ${everydayPrompts.length} in a tier that a person finds right`];
}

/** The request that a prompt of the table stands for. */
export function everydayRequest(each: EverydayPrompt): ChatRequest {
  const messages: Message[] = [];
  const say = (role: Message["role"], text: string): number =>
    messages.push({ role, parts: [{ type: "text", text }] });
  if (each.before) {
    say("user", each.before);
    say("assistant", "Here is how I would go about it. Shall I?");
  }
  messages.push({
    role: "user",
    parts: [
      { type: "text", text: each.prompt + pasted(each.pasted ?? 0) },
      ...Array.from({ length: each.images ?? 0 }, () => ({
        type: "image" as const,
        source: { kind: "url" as const, url: "https://example.com/picture.png" },
      })),
    ],
  });
  for (let call = 0; call < (each.calls ?? 0); call += 1) {
    const id = `call_${call}`;
    messages.push(
      {
        role: "assistant",
        parts: [
          { type: "tool-call", id, name: "read_file", args: '{"path":"a.ts"}', executor: "client" },
        ],
      },
      {
        role: "user",
        parts: [
          {
            type: "tool-result",
            callId: id,
            parts: [{ type: "text", text: "export const a = 1;".repeat(20) }],
            isError: call < (each.failures ?? 0),
          },
        ],
      },
    );
  }
  const tools = Array.from({ length: each.tools ?? 0 }, (_, index): Tool => ({
    type: "function",
    name: `tool_${index}`,
  }));
  return {
    model: "auto",
    messages,
    tools,
    settings: {},
    stream: false,
    ext: {},
    ...(each.json
      ? { responseFormat: { type: "json-schema" as const, schema: { type: "object" } } }
      : {}),
    ...(each.effort ? { reasoning: { mode: "effort" as const, effort: each.effort } } : {}),
  };
}

function pasted(length: number): string {
  const paragraph =
    "\nThe meeting began at nine with a look back at the last quarter. Sales in the north grew by 4 %, the south stayed level, and two shops closed for repairs. Anna showed the new catalogue; the team liked it.";
  return paragraph.repeat(Math.ceil(length / paragraph.length)).slice(0, length);
}
