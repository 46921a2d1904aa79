// Secrets that a source holds in plain text become environment variables: their values stay out of the file.
import { formatPath } from "../config/problems.ts";
import type { Path } from "../lib/json.ts";
import { Secret } from "../lib/secret.ts";
import { Template, type Text } from "./text.ts";

/** A variable that was made because the source held the secret itself. */
export interface MadeVariable {
  name: string;
  value: Secret;
  /** Where the source holds it. */
  from: string;
}

export interface Variables {
  /** A text that may be a secret: a reference stays one, plain text becomes a variable named like `hint`. */
  secret(text: Text, hint: string, path: Path): Text;
  /** The same for one that must not stay in the file whatever was asked: it would not pass the check there. */
  hidden(text: Text, hint: string, path: Path): Text;
  /** A value that the source sets for a variable of its own. */
  define(name: string, value: string, path: Path): void;
  made(): MadeVariable[];
}

/**
 * @param keep leave secrets in the file as they are.
 * @param taken names that the source refers to: they stand for something else.
 */
export function createVariables(keep: boolean, taken: ReadonlySet<string>): Variables {
  const made = new Map<string, MadeVariable>();
  const byValue = new Map<string, string>();

  const nameFor = (hint: string): string => {
    const base = toVariableName(hint);
    const isUsed = (name: string): boolean => made.has(name) || taken.has(name);
    if (!isUsed(base)) return base;
    let count = 2;
    while (isUsed(`${base}_${count}`)) count += 1;
    return `${base}_${count}`;
  };

  const hide = (text: Text, hint: string, path: Path): Text => {
    if (typeof text !== "string") return text;
    const known = byValue.get(text);
    const name = known ?? nameFor(hint);
    if (known === undefined) {
      byValue.set(text, name);
      made.set(name, { name, value: new Secret(text), from: formatPath(path) });
    }
    return new Template({ variable: name });
  };

  return {
    secret: (text, hint, path) =>
      keep && typeof text === "string" && /^[\x21-\x7e]+$/.test(text)
        ? text
        : hide(text, hint, path),
    hidden: hide,
    define(name, value, path) {
      byValue.set(value, name);
      made.set(name, { name, value: new Secret(value), from: formatPath(path) });
    },
    made: () => [...made.values()],
  };
}

/** @example toVariableName("azure-eu api key") // → "AZURE_EU_API_KEY" */
export const toVariableName = (text: string): string =>
  text
    .toUpperCase()
    .replaceAll(/[^A-Z0-9]+/g, "_")
    .replaceAll(/^_+|_+$/g, "")
    .replace(/^(?=\d)/, "_") || "SECRET";
