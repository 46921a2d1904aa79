// What of a request is no text, and how many tokens it can count for.
import { expect, test } from "bun:test";
import { mediaOf, mostPerPicture } from "../../../src/catalog/media.ts";
import type { Part } from "../../../src/ir/chat.ts";

const of = (...parts: Part[]) =>
  mediaOf({
    model: "m",
    messages: [{ role: "user", parts }],
    tools: [],
    settings: {},
    stream: false,
    ext: {},
  });
const base64 = (mediaType: string) => ({
  kind: "base64" as const,
  data: "A".repeat(4_000),
  mediaType,
});

test("text is none", () => {
  expect(of({ type: "text", text: "audio.wav" })).toEqual({
    bytes: 0,
    pictures: 0,
    tokens: 0,
    isOpen: false,
    hasAudio: false,
  });
});

test("pictures are counted, wherever they stand", () => {
  const image: Part = { type: "image", source: base64("image/png") };
  const result: Part = { type: "tool-result", callId: "c", parts: [image], isError: false };
  expect(of(image, result)).toMatchObject({ pictures: 2, bytes: 8_000, isOpen: false });
  expect(mostPerPicture("gpt-4o")).toBeLessThan(mostPerPicture("gpt-4o-mini-2024-07-18"));
});

test("uncompressed sound is bounded by its size, compressed sound and files by the model's window", () => {
  expect(of({ type: "audio", source: base64("audio/wav") })).toMatchObject({
    tokens: 20,
    isOpen: false,
    hasAudio: true,
  });
  expect(of({ type: "audio", source: base64("audio/mp3") })).toMatchObject({ isOpen: true });
  expect(of({ type: "file", source: base64("application/pdf") })).toMatchObject({
    isOpen: true,
    hasAudio: false,
  });
  expect(of({ type: "file", source: { kind: "file-id", id: "file-1" } })).toMatchObject({
    isOpen: true,
    hasAudio: true,
  });
});
