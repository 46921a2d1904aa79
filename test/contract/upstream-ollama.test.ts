// The Ollama double against recorded traffic.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { startOllamaUpstream } from "../support/upstream/ollama.ts";
import { hasRecordings, judgeRecordings } from "../support/upstream/recordings.ts";
import type { Upstream } from "../support/upstream/upstream.ts";

let upstream: Upstream;
beforeAll(async () => {
  upstream = await startOllamaUpstream({ unknownFields: "refuse" });
});
afterAll(() => upstream.stop());

describe.skipIf(!hasRecordings)("recorded requests to Ollama", () => {
  for (const operation of ["chat", "generate", "embeddings"]) {
    test(operation, async () => {
      const verdict = await judgeRecordings(`ollama.ollama.${operation}`, upstream);
      expect(verdict.wrong).toEqual([]);
    });
  }
});
