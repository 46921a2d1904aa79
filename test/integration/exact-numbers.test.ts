// Numbers in the schemas of tools and answers reach every other wire as the client spelt them.
import { describe, expect, test } from "bun:test";
import { models } from "../../scripts/fidelity/bodies.ts";
import { ids } from "../../scripts/fidelity/feature.ts";
import type { DialectId } from "../../src/ir/chat.ts";
import { GatewayError } from "../../src/ir/error.ts";
import { readSpecimen, translate } from "../../src/pipeline/translate.ts";
import { mutated, runs, validRequest } from "../unit/properties/corpus.ts";
import fc from "fast-check";

const schema =
  '{"type":"object","properties":{"id":{"type":"integer","enum":[9007199254740993,1.0]},"x":{"type":"number","minimum":0.0,"maximum":1e21,"default":12345678901234567890}},"required":["id","x"]}';
const spelt = ["9007199254740993", "1.0", "0.0", "1e21", "12345678901234567890"];

const user = '[{"role":"user","content":"Hi"}]';
const functionTool = `[{"type":"function","function":{"name":"f","parameters":${schema}}}]`;

/** A body with the schema as a tool's, and one with it as the answer's. */
const bodies: Readonly<Record<DialectId, readonly string[]>> = {
  "openai-chat": [
    `{"messages":${user},"temperature":1.0,"tools":${functionTool}}`,
    `{"messages":${user},"response_format":{"type":"json_schema","json_schema":{"name":"n","schema":${schema}}}}`,
  ],
  "openai-responses": [
    `{"input":"Hi","temperature":1.0,"tools":[{"type":"function","name":"f","parameters":${schema}}]}`,
    `{"input":"Hi","text":{"format":{"type":"json_schema","name":"n","schema":${schema}}}}`,
  ],
  "anthropic-messages": [
    `{"max_tokens":1e3,"messages":${user},"tools":[{"name":"f","input_schema":${schema}}]}`,
    `{"max_tokens":1e3,"messages":${user},"output_config":{"format":{"type":"json_schema","schema":${schema}}}}`,
  ],
  gemini: [
    `{"contents":[{"role":"user","parts":[{"text":"Hi"}]}],"tools":[{"functionDeclarations":[{"name":"f","parametersJsonSchema":${schema}}]}]}`,
    `{"contents":[{"role":"user","parts":[{"text":"Hi"}]}],"generationConfig":{"temperature":1.0,"responseMimeType":"application/json","responseJsonSchema":${schema}}}`,
  ],
  ollama: [
    `{"messages":${user},"stream":false,"tools":${functionTool}}`,
    `{"messages":${user},"stream":false,"format":${schema}}`,
  ],
  "bedrock-converse": [
    `{"messages":[{"role":"user","content":[{"text":"Hi"}]}],"toolConfig":{"tools":[{"toolSpec":{"name":"f","inputSchema":{"json":${schema}}}}]}}`,
    `{"messages":[{"role":"user","content":[{"text":"Hi"}]}],"outputConfig":{"textFormat":{"type":"json_schema","structure":{"jsonSchema":{"name":"n","schema":${JSON.stringify(schema)}}}}}}`,
  ],
  cohere: [
    `{"messages":${user},"temperature":1.0,"tools":${functionTool}}`,
    `{"messages":${user},"response_format":{"type":"json_object","json_schema":${schema}}}`,
  ],
};

function through(from: DialectId, to: DialectId, body: string) {
  const specimen = {
    body: Buffer.from(body),
    headers: new Headers(),
    from,
    model: models[to].plain,
    stream: null,
  };
  return translate(readSpecimen(specimen), [], to);
}

const pairs = ids.flatMap((from) =>
  ids.filter((to) => to !== from).map((to) => [from, to] as const),
);

describe("the spelling of numbers", () => {
  test.each(pairs)("%s → %s", async (from, to) => {
    for (const body of bodies[from]) {
      const { body: sent } = await through(from, to, body);
      // A schema may stand in a text there.
      for (const number of spelt) expect(sent.text).toContain(number);
      expect(() => JSON.parse(sent.text) as unknown).not.toThrow();
    }
  });
});

describe("hostile bodies", () => {
  const numbers = ["1.0", "9007199254740993", "-0", "1e400"];
  test.each(ids)("%s: no number makes a codec throw anything but a GatewayError", async (from) => {
    const property = fc.asyncProperty(
      mutated(validRequest(from)),
      fc.nat(),
      fc.constantFrom(...numbers),
      fc.constantFrom(...ids),
      async (json, seed, number, to) => {
        const text = JSON.stringify(json);
        // Any scalar may become such a number.
        const scalars = [...text.matchAll(/(?<=[:[,])(?:"[^"\\]*"|-?\d+|true|false)(?=[,\]}])/g)];
        const place = scalars[seed % Math.max(1, scalars.length)];
        const body = place
          ? `${text.slice(0, place.index)}${number}${text.slice(place.index + place[0].length)}`
          : text;
        try {
          const { body: sent } = await through(from, to, body);
          JSON.parse(sent.text);
        } catch (error) {
          if (!(error instanceof GatewayError)) throw error;
        }
      },
    );
    await fc.assert(property, { ...runs(200), includeErrorInReport: true });
  });
});
