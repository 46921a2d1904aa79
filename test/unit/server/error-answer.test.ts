// Errors outside the pipeline speak the language of whoever asked: known by the path, also where nothing is served.
import { describe, expect, test } from "bun:test";
import { GatewayError } from "../../../src/ir/error.ts";
import { errorAnswer } from "../../../src/server/error-answer.ts";

const error = new GatewayError("not_found", "Nothing here.");

async function answered(path: string, headers: Record<string, string> = {}) {
  const request = new Request(`http://gateway${path}`, { headers });
  const response = errorAnswer(error, request);
  return { response, body: (await response.json()) as Record<string, unknown> };
}

const openai = { error: { message: "Nothing here.", code: "not_found" } };
const anthropic = { type: "error", error: { type: "not_found_error" } };
const gemini = { error: { code: 404, status: "NOT_FOUND" } };

describe("an error at", () => {
  test.each([
    ["/v1/nothing", openai],
    ["/nothing", openai],
    ["/v1/chat/completions/x", openai],
    ["/v1/messages", anthropic],
    ["/v1/messages/x", anthropic],
    ["/v1/projects/p/locations/l/publishers/anthropic/models/m:rawPredict", anthropic],
    ["/v1beta/models", gemini],
    ["/v1beta/models/m", gemini],
    ["/v1alpha/nothing", gemini],
    ["/v1beta/models/m:generateContent", gemini],
    ["/api/tags", { error: "Nothing here." }],
    ["/api/nothing", { error: "Nothing here." }],
    ["/v2/nothing", { message: "Nothing here." }],
    ["/model/m/nothing", { message: "Nothing here." }],
    ["/model/m/converse", { message: "Nothing here." }],
    ["/model/anthropic.claude/invoke", { message: "Nothing here." }],
  ])("%s", async (path, shape) => {
    expect((await answered(path)).body).toMatchObject(shape);
  });

  test("a path of AWS names the kind in a header", async () => {
    for (const path of ["/model/m/converse", "/model/anthropic.claude/invoke"]) {
      const { response } = await answered(path);
      expect(response.headers.get("x-amzn-errortype")).toBe("ResourceNotFoundException");
    }
  });

  test("a path of all: by the headers that the clients send", async () => {
    for (const path of ["/v1/models", "/models/m"]) {
      expect((await answered(path)).body).toMatchObject(openai);
      const versioned = { "anthropic-version": "2023-06-01" };
      expect((await answered(path, versioned)).body).toMatchObject(anthropic);
      expect((await answered(path, { "x-goog-api-key": "k" })).body).toMatchObject(gemini);
    }
  });
});
