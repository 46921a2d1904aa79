// The Cohere double against recorded traffic.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { startCohereUpstream } from "../support/upstream/cohere.ts";
import { hasRecordings, judgeRecordings, type Recording } from "../support/upstream/recordings.ts";
import type { Upstream } from "../support/upstream/upstream.ts";

let upstream: Upstream;
beforeAll(async () => {
  // Recorded before the vendor removed them.
  upstream = await startCohereUpstream({ models: ["command", "command-r"] });
});
afterAll(() => upstream.stop());

const excuse = ({ request }: Recording): string | undefined =>
  request?.url.includes("/v1/") === true
    ? "version 1 of the API, which the double does not speak"
    : undefined;

describe.skipIf(!hasRecordings)("recorded requests to Cohere", () => {
  for (const file of ["cohere.cohere.v2.chat", "cohere.cohere.embed", "cohere.cohere.rerank"]) {
    test(file, async () => {
      const verdict = await judgeRecordings(file, upstream, excuse);
      expect(verdict.wrong).toEqual([]);
    });
  }
});
