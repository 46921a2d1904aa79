// The Mistral double against recorded traffic.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { startMistralUpstream } from "../support/upstream/mistral.ts";
import { hasRecordings, judgeRecordings } from "../support/upstream/recordings.ts";
import type { Upstream } from "../support/upstream/upstream.ts";

let upstream: Upstream;
beforeAll(async () => {
  upstream = await startMistralUpstream();
});
afterAll(() => upstream.stop());

describe.skipIf(!hasRecordings)("recorded requests to Mistral", () => {
  for (const file of ["mistral.mistral.chat", "mistral.mistral.embeddings"]) {
    test(file, async () => {
      const verdict = await judgeRecordings(file, upstream);
      expect(verdict.wrong).toEqual([]);
    });
  }
});
