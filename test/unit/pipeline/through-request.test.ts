// What of a request goes to a provider's own API: no path leads out of it, nobody's objects are mistaken for another's.
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { configFromObject } from "../../../src/config/load.ts";
import { dialects } from "../../../src/dialects/index.ts";
import { GatewayError } from "../../../src/ir/error.ts";
import { madeIn, objectIn, referencesIn } from "../../../src/pipeline/objects.ts";
import { segmentsOf, throughSendable } from "../../../src/pipeline/through-request.ts";
import { providers } from "../../../src/providers/index.ts";
import { createRouter } from "../../../src/routing/router.ts";

const { config } = configFromObject(
  {
    providers: {
      up: {
        type: "openai-compatible",
        base_url: "http://up.test/deep/api/v1",
        api_key: "sk-up-key",
      },
    },
  },
  { env: {}, presets: providers },
);
const [candidate] = createRouter(config, async () => []).through("up", "");

/** Where a path goes; null when it is refused. */
function urlOf(path: string): URL | null {
  const request = new Request(`http://gateway/providers/up${path}`);
  const { pathname } = new URL(request.url);
  if (!pathname.startsWith("/providers/up/")) return null;
  const rest = pathname.slice("/providers/up".length);
  try {
    segmentsOf(rest);
  } catch (error) {
    if (error instanceof GatewayError) return null;
    throw error;
  }
  const dialect = dialects["openai-chat"];
  const call = { dialect, operation: "pass-through", path: rest, provider: "up" } as const;
  return throughSendable(request, call, candidate!).url;
}

// oxfmt-ignore
const pieces = fc.constantFrom(
  "..", ".", "%2e%2e", "%2E.", "%2f", "%5c", "\\", "//", ";", "@evil.test", ":80", "%00", "%",
  "?x", "#y", "a", "v1", "files", "%252e", "\u00e9", "{model}", "%7Bmodel%7D", "http:",
);

describe("a path", () => {
  test("never leaves the provider's base, whatever is in it", () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(pieces, fc.string({ maxLength: 4 })), { maxLength: 6 }),
        (parts) => {
          const url = URL.canParse(`http://gateway/providers/up/${parts.join("/")}`)
            ? urlOf(`/${parts.join("/")}`)
            : null;
          if (!url) return;
          expect(url.origin).toBe("http://up.test");
          expect(url.pathname).toStartWith("/deep/api/");
          expect(decodeURIComponent(url.pathname)).not.toMatch(/\/\.\.?(?:\/|$)|\\|\/\//);
        },
      ),
      { numRuns: 2_000 },
    );
  });

  test("is refused with a GatewayError or read, never anything else", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (path) => {
        try {
          segmentsOf(path);
        } catch (error) {
          expect(error).toBeInstanceOf(GatewayError);
        }
      }),
    );
  });
});

describe("an object", () => {
  test.each([
    ["/v1/files/file-1/content", { collection: "files", id: "file-1", below: ["content"] }],
    ["/files", { collection: "files", id: undefined, below: [] }],
    ["/v1/messages/batches/b", { collection: "messages/batches", id: "b", below: [] }],
    ["/openai/v1/Batches/b/cancel", { collection: "batches", id: "b", below: ["cancel"] }],
    ["/vector_stores/vs/files/f", { collection: "vector_stores", id: "vs", below: ["files", "f"] }],
    ["/v1/chat/completions/c", { collection: "chat/completions", id: "c", below: [] }],
    ["/v1/batch/jobs", { collection: "batch/jobs", id: undefined, below: [] }],
    ["/v1/Responses/r", { collection: "responses", id: "r", below: [] }],
    ["/fine_tuning/jobs", { collection: "fine_tuning/jobs", id: undefined, below: [] }],
  ])("is found in %s", (path, expected) => {
    expect(objectIn(segmentsOf(path))).toEqual(expected);
  });

  test("is not seen where there is none", () => {
    expect(objectIn(segmentsOf("/v1/models/gpt-4o"))).toBeUndefined();
    expect(objectIn(segmentsOf("/v1/responses/compact"))).toBeUndefined();
  });

  test("is known by what the answer tells, new or not", () => {
    const batch = {
      id: "batch_1",
      output_file_id: "file-2",
      error_file_id: null,
      input_file_id: "file-1",
    };
    expect(madeIn(batch, true)).toEqual(["batch_1", "file-2"]);
    expect(madeIn(batch, false)).toEqual(["file-2"]);
    expect(madeIn({ id: "upload_1", file: { id: "file-3" } }, false)).toEqual(["file-3"]);
    expect(madeIn({ name: "files/abc" }, true)).toEqual(["abc"]);
  });
});

describe("references", () => {
  test("are found wherever they stand", () => {
    expect(
      referencesIn({
        input_file_id: "a",
        input: [{ content: [{ type: "input_file", file_id: "b" }] }],
        tools: [{ type: "file_search", vector_store_ids: ["c", "d"] }],
        conversation: { id: "e" },
        metadata: { id: "x" },
      }).toSorted(),
    ).toEqual(["a", "b", "c", "d", "e"]);
  });

  test("are not what a tool is called with", () => {
    const call = { type: "tool_use", id: "t", name: "read", input: { file_id: "file-mine" } };
    expect(referencesIn({ messages: [{ role: "assistant", content: [call] }] })).toEqual([]);
  });

  test.each([
    [{ type: "tool_use", content: [{ file: { file_id: "file-x" } }] }, ["file-x"]],
    [{ functionCall: { name: "f", args: { file_id: "file-x" } } }, []],
    [{ toolUse: { toolUseId: "t", name: "f", input: { file_id: "file-x" } } }, []],
    [{ function: { name: "f", arguments: { file_id: "file-x" } } }, []],
    [{ metadata: { file_id: "file-x" } }, []],
    [{ fileData: { fileUri: "https://generativelanguage.googleapis.com/v1beta/files/x" } }, ["x"]],
    [{ fileData: { fileUri: "files/x" } }, ["x"]],
    [{ fileData: { fileUri: "https://www.youtube.com/watch?v=x" } }, []],
    [{ cachedContent: "cachedContents/x" }, ["x"]],
    [{ cachedContent: "projects/p/locations/l/cachedContents/x" }, ["x"]],
    [{ input_files: ["x"], training_files: [{ file_id: "y", weight: 1 }] }, ["x", "y"]],
    [{ file_id: " file-x " }, ["file-x"]],
  ])("in %j are %j", (body, expected) => {
    expect(referencesIn(body)).toEqual(expected);
  });

  test("of hostile JSON are none, and nothing is polluted", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(referencesIn(value)).toBeArray();
      }),
    );
    referencesIn(JSON.parse('{"__proto__":{"file_id":"x"},"constructor":{"file_ids":[null,1]}}'));
    expect(({} as { file_id?: unknown }).file_id).toBeUndefined();
  });
});
