// Embedding vectors as base64 of their bytes, little-endian, both ways.

/** How the numbers of a vector are packed. */
export type VectorType = "float" | "int8" | "uint8";

/** What an encoding packs its numbers as; bits come eight to a byte, signed or not. */
export function vectorTypeOf(
  encoding: "float" | "base64" | "int8" | "uint8" | "binary" | "ubinary",
): VectorType {
  switch (encoding) {
    case "float":
    case "base64":
      return "float";
    case "int8":
    case "binary":
      return "int8";
    case "uint8":
    case "ubinary":
      return "uint8";
    default:
      return encoding satisfies never;
  }
}

/** @example packVector([1, -2], "float") // → "AACAPwAAAMA=" */
export function packVector(vector: readonly number[], type: VectorType): string {
  switch (type) {
    case "float": {
      const bytes = Buffer.alloc(vector.length * 4);
      for (const [index, value] of vector.entries()) bytes.writeFloatLE(value, index * 4);
      return bytes.toString("base64");
    }
    case "int8":
      return Buffer.from(Int8Array.from(vector).buffer).toString("base64");
    case "uint8":
      return Buffer.from(Uint8Array.from(vector)).toString("base64");
    default:
      return type satisfies never;
  }
}

/** Undefined for a text that holds no whole numbers of this type. @example unpackVector("AACAPwAAAMA=", "float") // → [1, -2] */
export function unpackVector(text: string, type: VectorType): number[] | undefined {
  const bytes = Buffer.from(text, "base64");
  switch (type) {
    case "float":
      if (bytes.length % 4 !== 0) return undefined;
      return Array.from({ length: bytes.length / 4 }, (_, index) => bytes.readFloatLE(index * 4));
    case "int8":
      return Array.from(new Int8Array(bytes.buffer, bytes.byteOffset, bytes.length));
    case "uint8":
      return Array.from(bytes);
    default:
      return type satisfies never;
  }
}

/** A vector of an answer, as numbers or as base64; undefined for anything else. */
export function readVector(value: unknown, type: VectorType): number[] | undefined {
  if (typeof value === "string") return unpackVector(value, type);
  if (!Array.isArray(value)) return undefined;
  const isWhole = value.every((item): item is number => typeof item === "number");
  return isWhole ? value : undefined;
}
