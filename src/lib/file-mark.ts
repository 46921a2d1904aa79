// What tells one state of a file from another.
import { statSync } from "node:fs";

/** Files by absolute path, each with its mark from before it was read: what changed since can be told. */
export type FileMarks = ReadonlyMap<string, string>;

/** The file's identity, size and times; empty when there is none. */
export function fileMark(path: string): string {
  try {
    const { ino, dev, size, mtimeNs, ctimeNs } = statSync(path, { bigint: true });
    return `${dev}:${ino}:${size}:${mtimeNs}:${ctimeNs}`;
  } catch {
    return "";
  }
}
