// What pictures cost: by the piece where vendors price them so, else the most tokens that one can count for.
import type { Nanos } from "../lib/money.ts";

/** What a request for pictures asks for. */
export interface ImageOrder {
  /** Pictures wanted. */
  count: number;
  /** As the client wrote it, e.g. `1024x1536`; null: the model's own choice. */
  size: string | null;
  /** As the client wrote it, e.g. `hd`; null: the model's own choice. */
  quality: string | null;
  /** Pictures that are sent along. */
  pictures: number;
  /** Unfinished ones that are streamed before each. */
  previews: number;
  /** Bytes of what is asked: no text has more tokens. */
  textBytes: number;
}

interface PiecePrice {
  /** Our provider id. */
  provider: string;
  model: RegExp;
  nanos(order: ImageOrder): Nanos;
}

const cents = (amount: number): Nanos => BigInt(Math.round(amount * 10)) * 1_000_000n;

/**
 * https://platform.openai.com/docs/pricing#image-generation
 * https://ai.google.dev/gemini-api/docs/pricing
 */
const pieces: readonly PiecePrice[] = [
  {
    provider: "openai",
    model: /^dall-e-3/,
    nanos: ({ quality, size }) => {
      const isSquare = (size ?? "1024x1024") === "1024x1024";
      if (quality === null || quality === "standard") return cents(isSquare ? 4 : 8);
      return cents(isSquare && quality === "hd" ? 8 : 12);
    },
  },
  {
    provider: "openai",
    model: /^dall-e-2/,
    nanos: ({ size }) => cents(size === "256x256" ? 1.6 : size === "512x512" ? 1.8 : 2),
  },
  { provider: "gemini", model: /^imagen-4\.0-fast/, nanos: () => cents(2) },
  { provider: "gemini", model: /^imagen-4\.0-ultra/, nanos: () => cents(6) },
  { provider: "gemini", model: /^imagen-4\.0-generate/, nanos: () => cents(4) },
];

/** What one picture costs at a vendor that prices them by the piece; undefined where none is known to. */
export const pricePerImage = (
  provider: string,
  model: string,
  order: ImageOrder,
): Nanos | undefined =>
  pieces
    .find((each) => each.provider === provider && each.model.test(model.replace(/^models\//, "")))
    ?.nanos(order);

/**
 * Output tokens of a picture of 1024 × 1024 at each quality; they grow with the area.
 * https://platform.openai.com/docs/guides/image-generation#cost-and-latency
 */
const tokensPerSquare: Readonly<Record<string, number>> = { low: 272, medium: 1_056, high: 4_160 };
const dearest = 4_160;
const square = 1024 * 1024;
/** The largest that these models make by themselves. */
const ownChoice = 1024 * 1536;
/** The largest that any model takes on request. */
const largest = 3840 * 2160;
const choosesSize = /^(?:gpt-image-1|chatgpt-image)/;
const perPreview = 100;
/** Of a picture that is sent along, at the highest fidelity: as many as one that is made, and its tiles. */
const perInput = 8_000;
/** What a model may write besides: its own wording of what was asked. */
const words = 2_000;

/** Tokens of the request and of its pictures at most, for models that count them. */
export function mostImageTokens(
  model: string,
  { count, pictures, previews, quality, size, textBytes }: ImageOrder,
): { input: number; output: number } {
  const area = areaOf(size) ?? (choosesSize.test(model) ? ownChoice : largest);
  const own = Object.hasOwn(tokensPerSquare, quality ?? "") ? tokensPerSquare[quality ?? ""] : null;
  const each = Math.ceil(((own ?? dearest) * Math.max(area, square)) / square);
  return {
    input: textBytes + pictures * perInput + words,
    output: count * (each + previews * perPreview + words),
  };
}

/** @example areaOf("1024x1536") // → 1_572_864 */
function areaOf(size: string | null): number | null {
  const [, width, height] = /^(\d{1,5})x(\d{1,5})$/i.exec(size ?? "") ?? [];
  return width === undefined ? null : Number(width) * Number(height);
}
