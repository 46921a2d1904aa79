// Labelled prompts for the `auto` policy: a CSV with `prompt`, `weak_correct`, `strong_correct` and, if it has one, `subject`.
import { gunzipSync } from "node:zlib";
import { promptFeatures } from "../../src/routing/complexity/features.ts";
import type { Features } from "../../src/routing/complexity/features.ts";

/** A prompt, and whether each model answered it rightly. */
export interface LabelledPrompt {
  prompt: string;
  weak: number;
  strong: number;
  subject: string;
}

/** A prompt ready to train on. */
export interface Sample {
  features: Features;
  weak: number;
  strong: number;
  /** `strong - weak`: what is gained by the strong model. */
  gain: number;
  /** Samples of one group never stand on both sides of a split. */
  group: string;
  /** Which file it comes from. */
  source: string;
}

/** How samples are kept apart: by their subject, or each for itself. */
export type Split = "subject" | "row";

/** Reads a CSV, packed with gzip or not. Throws an `Error` that names the line or the column it cannot read. */
export async function readLabelled(path: string): Promise<LabelledPrompt[]> {
  const bytes = await Bun.file(path).bytes();
  const text = new TextDecoder().decode(bytes[0] === 0x1f ? gunzipSync(bytes) : bytes);
  return parseLabelled(text, path);
}

/** Reads the text of a CSV. */
export function parseLabelled(text: string, path = "csv"): LabelledPrompt[] {
  const [header = [], ...rows] = parseCsv(text);
  const columns = header.map((name) => name.trim().replace(/^\uFEFF/, ""));
  const column = (name: string): number => {
    const index = columns.indexOf(name);
    if (index < 0)
      throw new Error(`${path}: no column \`${name}\`; there are: ${columns.join(", ")}`);
    return index;
  };
  const [prompt, weak, strong] = [
    column("prompt"),
    column("weak_correct"),
    column("strong_correct"),
  ];
  const subject = columns.indexOf("subject");
  return rows.map((row, index) => {
    const label = (at: number): number => {
      const value = Number(row[at]);
      if (!(value >= 0 && value <= 1) || row[at]?.trim() === "") {
        throw new Error(
          `${path}: record ${index + 2}: \`${columns[at]}\` must be 0..1, not \`${row[at]}\``,
        );
      }
      return value;
    };
    return {
      prompt: row[prompt] ?? "",
      weak: label(weak),
      strong: label(strong),
      subject: subject < 0 ? "" : (row[subject] ?? ""),
    };
  });
}

/** Takes the features of prompts. A source with fewer than three subjects is split by row whatever is asked. */
export function samplesOf(
  prompts: readonly LabelledPrompt[],
  source: string,
  split: Split,
): Sample[] {
  const subjects = new Set(prompts.map((each) => each.subject));
  const bySubject = split === "subject" && subjects.size >= 3;
  return prompts.map(({ prompt, weak, strong, subject }) => ({
    features: promptFeatures(prompt),
    weak,
    strong,
    gain: strong - weak,
    // Rows are grouped by their text, so that a prompt that stands twice stays on one side.
    group: bySubject ? `${source}:${subject}` : `${source}:${Bun.hash.wyhash(prompt) % 40n}`,
    source,
  }));
}

function parseCsv(text: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  let field = "";
  let quoted = false;
  for (let index = 0; index < text.length; index += 1) {
    const character = text[index] ?? "";
    if (quoted) {
      if (character !== '"') field += character;
      else if (text[index + 1] === '"') {
        field += '"';
        index += 1;
      } else quoted = false;
    } else if (character === '"') quoted = true;
    else if (character === ",") {
      row.push(field);
      field = "";
    } else if (character === "\n") {
      row.push(field.replace(/\r$/, ""));
      if (row.length > 1 || row[0] !== "") rows.push(row);
      row = [];
      field = "";
    } else field += character;
  }
  row.push(field);
  if (row.length > 1 || row[0] !== "") rows.push(row);
  return rows;
}
