// `${…}` in string values: environment variables, secret files, systemd credentials.
import { isUtf8 } from "node:buffer";
import { readFileSync, statSync } from "node:fs";
import { isAbsolute, join, resolve } from "node:path";
import { fileMark } from "../lib/file-mark.ts";

export interface Interpolation {
  env: Readonly<Record<string, string | undefined>>;
  /** Relative `${file:…}` paths start here; null when the configuration has no folder. */
  directory: string | null;
  /** Receives every file named, also those that cannot be read: path and mark. */
  files: Map<string, string>;
}

/** `text` is undefined when something could not be resolved. */
export interface Interpolated {
  text?: string;
  faults: { message: string; hint: string }[];
}

const maxSecretFileBytes = 1024 * 1024;

/**
 * Replaces every `${NAME}`, `${NAME:-default}`, `${file:/path}` and `${credential:name}`; `$${` is a literal `${`.
 * What is put in is text and never looked at again.
 */
export function interpolate(text: string, source: Interpolation): Interpolated {
  if (!text.includes("${")) return { text, faults: [] };
  const faults: Interpolated["faults"] = [];
  const result = text.replaceAll(
    /\$\$\{|\$\{([^}]*)\}|\$\{/g,
    (match: string, inner: string | undefined) => {
      if (match === "$${") return "${";
      const answer =
        inner === undefined
          ? fault("`${` without a closing `}`", "close it, or write `$${` for a literal `${`")
          : lookUp(inner, source);
      if (typeof answer === "string") return answer;
      faults.push(answer);
      return "";
    },
  );
  return faults.length === 0 ? { text: result, faults } : { faults };
}

interface Fault {
  message: string;
  hint: string;
}

const fault = (message: string, hint: string): Fault => ({ message, hint });

function lookUp(inner: string, source: Interpolation): string | Fault {
  if (inner.startsWith("file:")) return readSecretFile(inner.slice(5), source);
  if (inner.startsWith("credential:")) return readCredential(inner.slice(11), source);
  const match = /^([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?$/s.exec(inner);
  const fallback = match?.[2];
  if (match === null || fallback?.includes("${") === true) {
    return fault(
      "`${…}` is not understood",
      "write `${NAME}`, `${NAME:-default}`, `${file:/path}` or `${credential:name}`, without nesting; `$${` is a literal `${`",
    );
  }
  const name = match[1] ?? "";
  const value = Object.hasOwn(source.env, name) ? source.env[name] : undefined;
  if (fallback !== undefined) return value === undefined || value === "" ? fallback : value;
  return (
    value ??
    fault(
      `the environment variable ${name} is not set`,
      `set ${name}, or give a default: \`\${${name}:-…}\``,
    )
  );
}

function readCredential(name: string, source: Interpolation): string | Fault {
  if (!/^[A-Za-z0-9_.@-]+$/.test(name) || /^\.+$/.test(name)) {
    return fault(
      "the name of a credential holds letters, digits and `_.@-` only",
      "write `${credential:name}` as in systemd's `LoadCredential=name:…`",
    );
  }
  const folder = source.env["CREDENTIALS_DIRECTORY"];
  if (folder === undefined || !isAbsolute(folder)) {
    return fault(
      `the credential ${name} cannot be read: CREDENTIALS_DIRECTORY is not set`,
      `systemd sets it for a unit with \`LoadCredential=${name}:…\``,
    );
  }
  return readText(join(folder, name), `add \`LoadCredential=${name}:…\` to the unit`, source);
}

function readSecretFile(name: string, source: Interpolation): string | Fault {
  if (name === "" || name.includes("\0")) {
    return fault("`${file:}` names no file", "write `${file:/run/secrets/name}`");
  }
  if (!isAbsolute(name) && source.directory === null) {
    return fault(`the path ${name} is relative`, "write an absolute path");
  }
  const path = resolve(source.directory ?? "/", name);
  return readText(path, "create it, or correct the path", source);
}

function readText(path: string, missingHint: string, source: Interpolation): string | Fault {
  source.files.set(path, fileMark(path));
  try {
    // Looked at before it is opened: opening a pipe or a device could block.
    const stats = statSync(path);
    if (!stats.isFile()) return fault(`${path} is not a regular file`, "name a file");
    if (stats.size > maxSecretFileBytes) {
      return fault(`${path} is larger than 1 MB`, "a secret file holds the secret alone");
    }
    const bytes = readFileSync(path);
    if (!isUtf8(bytes)) return fault(`${path} is not UTF-8 text`, "save it as UTF-8");
    return bytes
      .toString("utf8")
      .replace(/^\uFEFF/, "")
      .replace(/[\r\n]+$/, "");
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? "unreadable";
    return code === "ENOENT" || code === "ENOTDIR"
      ? fault(`${path} does not exist`, missingHint)
      : fault(`${path} cannot be read (${code})`, "let the gateway's user read it");
  }
}
