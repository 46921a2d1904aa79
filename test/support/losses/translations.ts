// The translations that are traced: requests through the gateway's own `translate`, answers and streams through the codecs.
import { models } from "../../../scripts/fidelity/bodies.ts";
import { dialects } from "../../../src/dialects/index.ts";
import type { DialectId } from "../../../src/ir/chat.ts";
import { GatewayError } from "../../../src/ir/error.ts";
import { expand } from "../../../src/ir/fold.ts";
import type { Warning } from "../../../src/ir/warning.ts";
import type { Frame } from "../../../src/lib/frame.ts";
import type { JsonObject } from "../../../src/lib/json.ts";
import { readSpecimen, translate } from "../../../src/pipeline/translate.ts";
import type { Outcome } from "./trace.ts";

/** Without what the gateway makes up. */
const steady = (text: string): string =>
  text.replace(/_01[0-9a-f]{30}/g, "_id").replace(/"obfuscation":"[^"]*"/g, "");

const unlessRefused = async (run: () => Outcome | Promise<Outcome>): Promise<Outcome | null> => {
  try {
    return await run();
  } catch (error) {
    if (error instanceof GatewayError) return null;
    throw error;
  }
};

export const askThrough =
  (from: DialectId, to: DialectId, model: string) =>
  (json: JsonObject): Promise<Outcome | null> =>
    unlessRefused(async () => {
      const body = Buffer.from(JSON.stringify(json));
      const specimen = { body, headers: new Headers(), from, model, stream: null };
      const { body: sent, headers, warnings } = await translate(readSpecimen(specimen), [], to);
      return { written: steady(`${sent.text}\n${JSON.stringify(headers)}`), told: warnings };
    });

const originOf = (id: DialectId) => ({ dialect: id, provider: models[id].provider, model: "m" });

const bodyOf = (json: JsonObject) => ({ json, text: JSON.stringify(json) });

const textOf = (frames: readonly Frame[]): string =>
  frames.map(({ event, data }) => `${event ?? ""} ${data}`).join("\n");

/** A whole answer, shown whole or as a stream. */
export const answerThrough =
  (from: DialectId, to: DialectId, streamed: boolean) =>
  (json: JsonObject): Promise<Outcome | null> =>
    unlessRefused(() => {
      const decoded = dialects[from].response.decode(bodyOf(json), originOf(from));
      const told: Warning[] = [...decoded.warnings];
      const warn = (warning: Warning): void => void told.push(warning);
      const context = { model: "m", includeUsage: true, warn };
      if (!streamed) {
        return { written: steady(dialects[to].response.encode(decoded.value, context)), told };
      }
      const encoder = dialects[to].stream.encoder(context);
      const frames = expand(decoded.value).flatMap((event) => encoder.push(event));
      return { written: steady(textOf(frames)), told };
    });

/** The events of a stream; null where it has not as many messages as `frames`. */
export const eventsThrough =
  (from: DialectId, frames: readonly Frame[]) =>
  (json: JsonObject): Outcome | null => {
    const messages = json["frames"];
    if (!Array.isArray(messages) || messages.length !== frames.length) return null;
    const decoder = dialects[from].stream.decoder(originOf(from));
    const events = frames.flatMap((frame, at) => {
      const message: unknown = messages[at];
      const data = typeof message === "string" ? message : JSON.stringify(message);
      return decoder.push({ ...frame, data });
    });
    return { written: steady(JSON.stringify([...events, ...decoder.end()])), told: [] };
  };

export const isTraced = ({ steps }: { steps: readonly (string | number)[] }): boolean =>
  steps[0] !== "model" && steps[0] !== "modelId";
