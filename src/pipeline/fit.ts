// A client's own bytes made to fit the provider they are relayed to: only what it would refuse is edited.
import type { Dialect, Draft, Quirks } from "../dialects/dialect.ts";
import type { Operation } from "../ir/chat.ts";
import { JsonError, type Member, parse, scan, splice } from "../lib/json.ts";
import { withoutMembers, withoutPath } from "../lib/json-members.ts";

/** A body with its top level. */
export interface Scanned {
  bytes: Uint8Array;
  members: ReadonlyMap<string, Member>;
}

export interface Fitted extends Scanned {
  losses: { field: string; reason: string }[];
}

interface FitScope {
  dialect: Pick<Dialect, "fit" | "sdkFields">;
  model: string;
  operation: Operation;
  quirks: Quirks;
  /** Fields that the operator lets through whatever the provider is known to take. */
  allowed: readonly string[];
}

/** The body as the provider takes it; the very same bytes where nothing is to be done. */
export function fitBody(body: Scanned, scope: FitScope): Fitted {
  const { dialect, model, operation, quirks, allowed } = scope;
  const clean = withoutSdkFields(body, scope);
  if (!dialect.fit) return clean;
  const draft = createDraft(clean, allowed);
  dialect.fit(draft, { model, quirks }, operation);
  return draft.result();
}

function withoutSdkFields(body: Scanned, { dialect, operation, quirks }: FitScope): Fitted {
  if (!quirks.refusesSdkFields || operation !== "chat") return { ...body, losses: [] };
  let { bytes } = body;
  const losses: Fitted["losses"] = [];
  for (const { sign, path } of dialect.sdkFields ?? []) {
    // Most bodies have none, and are not looked at any closer.
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const without = buffer.includes(sign) ? withoutPath(bytes, path) : null;
    if (!without) continue;
    bytes = without;
    const field = path.join(".").replaceAll(".*", "[*]");
    losses.push({ field, reason: "an addition of the client's SDK" });
  }
  return losses.length === 0 ? { ...body, losses } : { bytes, members: scan(bytes), losses };
}

/** A field as it will be; `from`: where the client wrote it. */
interface Field {
  from?: string;
  /** Text of another value than the client's. */
  text?: string;
}

function createDraft(
  { bytes, members, losses }: Fitted,
  allowed: readonly string[],
): Draft & { result(): Fitted } {
  const fields = new Map<string, Field>(Array.from(members.keys(), (from) => [from, { from }]));
  const textOf = ({ from, text }: Field): string | undefined => {
    const member = from === undefined ? undefined : members.get(from);
    if (text !== undefined || !member) return text;
    const { start, end } = member.value;
    return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString("utf8");
  };
  const tell = (field: string, reason: string | undefined): void => {
    if (reason !== undefined) losses.push({ field, reason });
  };
  let isEdited = false;

  return {
    // What is let through is nobody's business here.
    names: () => [...fields.keys()].filter((name) => !allowed.includes(name)),
    has: (name) => fields.has(name) && !allowed.includes(name),
    value(name) {
      const found = fields.get(name);
      const text = found && textOf(found);
      try {
        return text === undefined ? undefined : parse(text);
      } catch (error) {
        // What is no JSON is for the provider to refuse.
        if (error instanceof JsonError) return undefined;
        throw error;
      }
    },
    isEmptyList(name) {
      const found = fields.get(name);
      const member = found?.from === undefined ? undefined : members.get(found.from);
      if (!found || !member || member.value.end - member.value.start > shortList) return false;
      return /^\[\s*\]$/.test(textOf(found) ?? "");
    },
    remove(name, reason) {
      isEdited = fields.delete(name) || isEdited;
      tell(name, reason);
    },
    rename(name, to) {
      const found = fields.get(name);
      if (!found) return;
      fields.delete(name);
      fields.set(to, found);
      isEdited = true;
    },
    set(name, value, reason) {
      fields.set(name, { ...fields.get(name), text: JSON.stringify(value) });
      isEdited = true;
      tell(name, reason);
    },
    result() {
      if (!isEdited) return { bytes, members, losses };
      const edited = write(bytes, fields);
      return { bytes: edited, members: scan(edited), losses };
    },
  };
}

/** Longer ones are not looked at: no client writes so much space between two brackets. */
const shortList = 16;

/** First what is gone, then names and values in their places; what is new stands first. */
function write(bytes: Uint8Array, fields: ReadonlyMap<string, Field>): Uint8Array {
  const froms = new Set(Array.from(fields.values(), ({ from }) => from));
  const gone = [...scan(bytes).keys()].filter((name) => !froms.has(name));
  const left = gone.length === 0 ? bytes : withoutMembers(bytes, gone);
  const members = scan(left);
  const edits: { start: number; end: number; text: string }[] = [];
  let added = "";
  for (const [name, { from, text }] of fields) {
    const member = from === undefined ? undefined : members.get(from);
    if (!member) {
      added += `${JSON.stringify(name)}:${text ?? "null"},`;
      continue;
    }
    if (name !== from) edits.push({ ...member.key, text: JSON.stringify(name) });
    if (text !== undefined) edits.push({ ...member.value, text });
  }
  if (added !== "") {
    const [first] = members.values();
    const at = first ? first.key.start : left.lastIndexOf(0x7d);
    // Before the edits of that key.
    edits.unshift({ start: at, end: at, text: first ? added : added.slice(0, -1) });
  }
  return splice(left, edits);
}
