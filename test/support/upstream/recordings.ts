// Recorded requests sent to a double: what the vendor took must be taken, what it refused must be refused in its words.
import { existsSync, readFileSync } from "node:fs";
import type { Upstream } from "./upstream.ts";

const folder = `${import.meta.dir}/../../../../shared/wire`;

/** False where the recorded traffic is not there; says so once. */
export const hasRecordings = existsSync(folder);
if (!hasRecordings) {
  process.stdout.write("skipped: ../shared with the recorded traffic is not here\n");
}

export interface Recording {
  id: string;
  kind: "recording" | "fixture" | "handmade";
  request: { url: string; headers?: Record<string, string>; body: unknown } | null;
  response: { status: number; body: unknown };
}

export interface Verdict {
  accepted: number;
  /** Refused with the recorded status and message. */
  refused: number;
  /** Recordings left out, with the reason told for each. */
  excused: number;
  /** Recordings that the double judged otherwise than the vendor. */
  wrong: string[];
}

/** The recordings of one file that hold a request. */
export function recordingsIn(file: string): Recording[] {
  const bytes = Bun.gunzipSync(new Uint8Array(readFileSync(`${folder}/${file}.jsonl.gz`)));
  const lines = new TextDecoder().decode(bytes).trimEnd().split("\n");
  return lines
    .map((line): Recording => JSON.parse(line))
    .filter((one) => one.request !== null && one.kind === "recording");
}

/** Sends every recording to the double. `excuses` tells by id, or by a test of the recording, why one is left out. */
export async function judgeRecordings(
  file: string,
  upstream: Upstream,
  excuse: (recording: Recording) => string | undefined = () => undefined,
): Promise<Verdict> {
  const verdict: Verdict = { accepted: 0, refused: 0, excused: 0, wrong: [] };
  for (const recording of recordingsIn(file)) {
    if (excuse(recording) !== undefined) {
      verdict.excused += 1;
      continue;
    }
    const { pathname } = new URL(recording.request?.url ?? "");
    const response = await fetch(upstream.url + pathname, {
      method: "POST",
      headers: {
        ...recording.request?.headers,
        "content-type": "application/json",
        authorization: `Bearer ${upstream.key}`,
      },
      body: JSON.stringify(recording.request?.body),
    });
    const text = await response.text();
    const { status } = recording.response;
    if (status < 300 && response.ok) verdict.accepted += 1;
    else if (status >= 400 && response.status === status && sameWords(text, recording)) {
      verdict.refused += 1;
    } else {
      const expected = status < 300 ? "accepted" : JSON.stringify(recording.response.body);
      verdict.wrong.push(
        `${recording.id}: ${response.status} ${text.slice(0, 400)}, recorded ${status} ${expected}`,
      );
    }
  }
  const { accepted, refused, excused } = verdict;
  process.stdout.write(
    `${file}: ${accepted} accepted, ${refused} refused in the vendor's words, ${excused} left out\n`,
  );
  return verdict;
}

const sameWords = (text: string, recording: Recording): boolean =>
  JSON.stringify(messageIn(JSON.parse(text))) ===
  JSON.stringify(messageIn(recording.response.body));

function messageIn(body: unknown): unknown {
  return typeof body === "object" && body !== null && "message" in body ? body.message : body;
}
