// Subjects: whatever a budget or a limit can hang on, as data and as one word of text.

export const subjectKinds = [
  "gateway",
  "organization",
  "team",
  "user",
  "key",
  "end_user",
  "tag",
  "model",
] as const;

export type SubjectKind = (typeof subjectKinds)[number];

export interface Subject {
  readonly kind: SubjectKind;
  /** Empty for the gateway as a whole. */
  readonly id: string;
}

/** Longer ones are not on record. */
export const maxSubjectId = 200;

/** @example formatSubject({ kind: "team", id: "team_01" }) // → "team:team_01" */
export const formatSubject = ({ kind, id }: Subject): string =>
  kind === "gateway" ? kind : `${kind}:${id}`;

/** Null for what is none. @example parseSubject("tag:batch") // → { kind: "tag", id: "batch" } */
export function parseSubject(text: string): Subject | null {
  if (text === "gateway") return { kind: "gateway", id: "" };
  const colon = text.indexOf(":");
  const id = text.slice(colon + 1);
  const kind = subjectKinds.find((each) => each === text.slice(0, Math.max(colon, 0)));
  return kind && kind !== "gateway" && id !== "" ? { kind, id } : null;
}
