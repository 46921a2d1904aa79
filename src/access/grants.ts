// What a caller may ask for: models by name or pattern, operations. Pure; asked again before every dispatch.

/** What grants are read from. */
export interface Granted {
  /** One list for each of key, user, team and organization that has any: all must let a model through. */
  readonly models: readonly (readonly string[])[];
  /** Null: all. */
  readonly operations: readonly string[] | null;
}

export interface Asked {
  /** The model's name in this gateway: a route, or `provider/model`; null where the body names none. */
  readonly name: string | null;
  /** The `provider/model` that the request is about to be sent to; null before that is known. */
  readonly modelId: string | null;
  readonly operation: string;
}

export type Verdict =
  | { readonly allowed: true }
  | { readonly allowed: false; readonly because: "model" | "operation"; readonly message: string };

const yes: Verdict = { allowed: true };

/**
 * Whether a caller may send this request there. A list lets a model through when one of its patterns fits the
 * name that the gateway resolved, or the deployment itself; so a grant of `anthropic/*` reaches only these
 * deployments of a route, and a grant of a route reaches all of its own. Where no model is named, only a
 * caller without limits passes.
 * @example mayUse(caller, { name: "fast", modelId: "openai/gpt-5-mini", operation: "chat" })
 */
export function mayUse(granted: Granted, asked: Asked): Verdict {
  const { name, modelId, operation } = asked;
  if (granted.operations && !granted.operations.some((pattern) => fits(pattern, operation))) {
    return {
      allowed: false,
      because: "operation",
      message: `This key may not use \`${shown(operation)}\`.`,
    };
  }
  for (const list of granted.models) {
    const passes = list.some(
      (pattern) =>
        pattern === "*" ||
        (name !== null && fits(pattern, name)) ||
        (modelId !== null && fits(pattern, modelId)),
    );
    if (passes) continue;
    const what = name ?? modelId;
    return {
      allowed: false,
      because: "model",
      message:
        what === null
          ? "This key is limited to certain models, and this request names none."
          : `This key may not use the model \`${shown(what)}\`.`,
    };
  }
  return yes;
}

/** A name with `*` for any run of characters. In the time of one walk over the text for each part. */
export function fits(pattern: string, text: string): boolean {
  if (!pattern.includes("*")) return pattern === text;
  const parts = pattern.split("*");
  const first = parts[0] ?? "";
  const last = parts.at(-1) ?? "";
  if (text.length < first.length + last.length) return false;
  if (!text.startsWith(first) || !text.endsWith(last)) return false;
  let at = first.length;
  const end = text.length - last.length;
  for (const part of parts.slice(1, -1)) {
    const found = text.indexOf(part, at);
    if (found < 0 || found + part.length > end) return false;
    at = found + part.length;
  }
  return true;
}

const shown = (text: string): string => text.slice(0, 100);
