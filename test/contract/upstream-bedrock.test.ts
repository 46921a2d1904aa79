// The Bedrock double against recorded traffic.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { startBedrockUpstream } from "../support/upstream/bedrock.ts";
import { hasRecordings, judgeRecordings, type Recording } from "../support/upstream/recordings.ts";
import type { Upstream } from "../support/upstream/upstream.ts";

let upstream: Upstream;
beforeAll(async () => {
  upstream = await startBedrockUpstream({ trustSignatures: true });
});
afterAll(() => upstream.stop());

/** Recordings that tell of something the double keeps to itself. */
const excuses: Readonly<Record<string, string>> = {
  "pai-ddc408ee68": "`video/mp4` is no format of the service model; the double holds to the model",
  "pai-191eb76a8d": "an application profile of an embedding model, which its name does not tell",
};

/** Text bodies of other vendors' own shapes, which the gateway never sends. */
function excuse({ id, request }: Recording): string | undefined {
  if (id in excuses) return excuses[id];
  const url = decodeURIComponent(request?.url ?? "");
  if (!/\/invoke/.test(url)) return undefined;
  return /titan-text|llama|command-text|ai21|sagemaker|claude-v2|amazon\.nova-lite/.test(url)
    ? "a text model's own body through InvokeModel"
    : undefined;
}

describe.skipIf(!hasRecordings)("recorded requests to Bedrock", () => {
  for (const file of ["converse", "converse_stream", "count_tokens", "invoke", "invoke_stream"]) {
    test(file, async () => {
      const verdict = await judgeRecordings(`bedrock.bedrock.${file}`, upstream, excuse);
      expect(verdict.wrong).toEqual([]);
    });
  }
});
