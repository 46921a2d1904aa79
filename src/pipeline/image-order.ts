// What a request for pictures asks for, read from its body whatever its form, as the deployment will get it.
import type { ImageOrder } from "../catalog/images.ts";
import type { Operation } from "../ir/chat.ts";
import type { Candidate } from "../routing/candidate.ts";
import type { Parcel } from "./parcel.ts";

export const imageOperations: ReadonlySet<Operation> = new Set([
  "images",
  "image-edits",
  "image-variations",
]);

/** Names by which vendors take the number of pictures. */
const countNames = ["n", "num_images", "number_of_images", "sample_count", "batch_size"] as const;
/** A number that cannot be read may be any that vendors take. */
const mostUnread = 10;
const most = 1_000;
const unread = "?";

/** What the operator puts into bodies and takes out of them counts. */
export function imageOrderOf(
  parcel: Pick<Parcel, "field" | "files" | "size">,
  { parameters: { drop, extraBody } }: Pick<Candidate, "parameters">,
): ImageOrder {
  const field = (name: string): unknown =>
    Object.hasOwn(extraBody, name)
      ? extraBody[name]
      : drop.includes(name)
        ? undefined
        : parcel.field(name);
  const text = (name: string): string | null => {
    const value = field(name) ?? "";
    // What cannot be read is none of those that cost less.
    if (typeof value !== "string") return unread;
    return value !== "" && value !== "auto" ? value : null;
  };
  const prompt = field("prompt");
  return {
    count: Math.max(...countNames.map((name) => countOf(field(name), 1))),
    size: text("size"),
    quality: text("quality"),
    pictures: parcel.files,
    previews: countOf(field("partial_images"), 0),
    textBytes: typeof prompt === "string" ? Buffer.byteLength(prompt) : parcel.size,
  };
}

function countOf(value: unknown, absent: number): number {
  if (value === undefined || value === null || value === "") return absent;
  const count = Number(value);
  return Number.isFinite(count) && count >= 0
    ? Math.min(most, Math.max(absent, Math.ceil(count)))
    : mostUnread;
}
