// A provider's whole answer read into the internal representation: a stream of one chunk.
import type { ChatResponse, Origin } from "../../ir/chat.ts";
import { collect } from "../../ir/fold.ts";
import type { Body, Decoded } from "../dialect.ts";
import { field } from "../fields.ts";
import { invalidAnswer } from "../upstream-error.ts";
import { errorOf } from "./error.ts";
import { createDecoder } from "./stream-decoder.ts";
import { camel } from "./wire.ts";

/** @throws GatewayError `upstream_invalid` when this is no answer; the upstream's own error when it says one. */
export function decodeResponse({ json, text }: Body, origin: Origin): Decoded<ChatResponse> {
  const answer = camel(json);
  const isAnswer = ["candidates", "promptFeedback"].some((key) => field(answer, key) !== undefined);
  if (!isAnswer && errorOf(answer) === undefined) {
    throw invalidAnswer("The provider's answer has no `candidates`.", text);
  }
  const decoder = createDecoder(origin, { isWhole: true });
  const value = collect([...decoder.pushParsed(json, text), ...decoder.end()]);
  return { value, warnings: [] };
}
