// What the conversation around the prompt shows: tools, depth, media, the form of the answer. Every value lies in 0..1.
import type { ComplexityInput } from "./input.ts";
import { saturate } from "./text-features.ts";

/** Values of the conversation's shape. */
export function shapeFeatures(input: ComplexityInput): Record<string, number> {
  const around = input.conversationLength - input.textLength;
  return {
    toolsOffered: saturate(input.toolsOffered, 6),
    callsSince: saturate(input.callsSince, 6),
    failuresSince: saturate(input.failuresSince, 1),
    images: saturate(input.images, 1),
    audio: saturate(input.audio, 1),
    files: saturate(input.files, 1),
    structured: structuredValues[input.structured],
    thoughtAsked: Math.max(0, input.reasoning - 0.5) * 2,
    thoughtRefused: Math.max(0, 0.5 - input.reasoning) * 2,
    around: around <= 0 ? 0 : Math.min(1, Math.log1p(around / 500) / Math.log(200)),
    turns: saturate(input.userTurns - 1, 6),
  };
}

const structuredValues: Readonly<Record<ComplexityInput["structured"], number>> = {
  none: 0,
  json: 0.5,
  schema: 1,
};
