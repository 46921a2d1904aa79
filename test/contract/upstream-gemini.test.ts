// The Gemini double against recorded traffic: what Google took is taken, what it refused is refused in its words.
import { describe, expect, test } from "bun:test";
import { readCaptures } from "../support/clients/captures.ts";
import { parseGeminiAddress } from "../support/upstream/gemini-address.ts";
import { startGeminiUpstream } from "../support/upstream/gemini.ts";
import { hasRecordings, recordingsIn } from "../support/upstream/recordings.ts";

const files = [
  "google.gemini.generate",
  "google.gemini.stream",
  "google.gemini.count_tokens",
  "google.gemini.embed",
  "google-vertex.gemini.generate",
  "google-vertex.gemini.stream",
  "google-vertex.gemini.count_tokens",
  "google-vertex.gemini.embed",
];

const print = (text: string): void => void process.stdout.write(`${text}\n`);

/** Refusals that no look at the request can tell. */
const notInTheRequest: Readonly<Record<string, string>> = {
  "pai-5f18cd1708": "the vendor could not fetch the file's address",
  "pai-ce46de06c8": "the vendor could not fetch the file's address",
  "pai-852a4acf69": "the vendor could not fetch the file's address",
};

/** What an error of this vendor says. */
interface GoogleError {
  error?: { message?: string; status?: string };
}

describe.skipIf(!hasRecordings)("recorded requests", () => {
  for (const file of files) {
    test(file, async () => {
      // Recorded signatures are the vendor's own, and so are the cached contents named.
      const upstream = await startGeminiUpstream({ trustSignatures: true });
      try {
        const wrong: unknown[] = [];
        let accepted = 0;
        let refused = 0;
        for (const { id, request, response } of recordingsIn(file)) {
          if (request === null || id in notInTheRequest) continue;
          const url = new URL(request.url);
          const key: Record<string, string> = url.pathname.includes("/publishers/")
            ? { authorization: "Bearer k" }
            : { "x-goog-api-key": "k" };
          const answer = await fetch(upstream.url + url.pathname + url.search, {
            method: "POST",
            headers: { "content-type": "application/json", ...key },
            body: JSON.stringify(request.body),
          });
          const text = await answer.text();
          if (response.status < 300) {
            if (answer.status === 200) accepted += 1;
            else wrong.push([id, text]);
            continue;
          }
          refused += 1;
          const told: GoogleError = JSON.parse(text);
          const recorded: GoogleError = JSON.parse(JSON.stringify(response.body));
          expect([id, answer.status, told.error?.message, told.error?.status]).toEqual([
            id,
            response.status,
            recorded.error?.message,
            recorded.error?.status,
          ]);
        }
        expect(wrong).toEqual([]);
        expect(accepted).toBeGreaterThan(0);
        print(`${file}: ${accepted} accepted, ${refused} refused in the vendor's words`);
      } finally {
        await upstream.stop();
      }
    });
  }
});

describe.skipIf(!hasRecordings)("what real clients send", () => {
  for (const client of ["google-genai", "gemini-cli", "ai-sdk"] as const) {
    test(client, async () => {
      const upstream = await startGeminiUpstream({
        trustSignatures: true,
        models: ["my-model", "vendor/my-model"],
      });
      try {
        const wrong: unknown[] = [];
        let accepted = 0;
        for (const { n, case: name, method, path, body, answered } of await readCaptures(client)) {
          const [address = ""] = path.split("?");
          const parsed = parseGeminiAddress(address);
          if (answered !== 200 || parsed?.method === undefined || body === undefined) continue;
          const answer = await fetch(upstream.url + path, {
            method,
            headers: { "content-type": "application/json", "x-goog-api-key": "k" },
            body: JSON.stringify(body),
          });
          if (answer.status === 200) accepted += 1;
          else wrong.push([n, name, parsed.model, await answer.text()]);
        }
        expect(wrong).toEqual([]);
        expect(accepted).toBeGreaterThan(0);
        print(`${client}: ${accepted} accepted`);
      } finally {
        await upstream.stop();
      }
    });
  }
});
