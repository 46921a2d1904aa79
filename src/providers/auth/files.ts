// Files in which clouds' own tools keep credentials: small, local, INI or plain text.
import { readFileSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { isAbsolute, join } from "node:path";
import { decode } from "ini";
import { isObject } from "../../lib/json.ts";
import { authFailure } from "./exchange.ts";

type Environment = Readonly<Record<string, string | undefined>>;

const maxBytes = 1024 * 1024;

/** An absolute path of what may begin with `~/`. */
export function homePath(path: string, env: Environment): string {
  const home = env["HOME"] || homedir();
  if (path === "~" || path.startsWith("~/")) return join(home, path.slice(1));
  return path;
}

/**
 * A file's text; undefined when there is none.
 * @throws GatewayError `upstream_auth` when it is there and cannot be read.
 */
export function readSmall(path: string): string | undefined {
  try {
    // Looked at before it is opened: opening a pipe or a device could block.
    const stats = statSync(path);
    if (!stats.isFile()) throw authFailure(`\`${path}\` is not a regular file.`);
    if (stats.size > maxBytes) throw authFailure(`\`${path}\` is larger than 1 MB.`);
    return readFileSync(path, "utf8").replace(/^\uFEFF/, "");
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    if (typeof code !== "string" || !/^E[A-Z]+$/.test(code)) throw error;
    throw authFailure(`\`${path}\` cannot be read (${code}): let the gateway's user read it.`, {
      cause: error,
    });
  }
}

/** The text of a file that must be there. @throws GatewayError `upstream_auth` */
export function readNamed(path: string, what: string): string {
  if (!isAbsolute(path)) throw authFailure(`${what} \`${path}\` is a relative path.`);
  const text = readSmall(path);
  if (text === undefined) throw authFailure(`${what} \`${path}\` does not exist.`);
  return text;
}

/** The names and values of one section of an INI text; undefined when it has no such section. */
export function iniSection(text: string, name: string): Record<string, string> | undefined {
  // The parser takes dots in section names for nesting, `;` and `#` inside values for comments, and leaves out
  // `__proto__`. Names with dots are legal for profiles, and values with `#` for pass phrases.
  const escaped = text.split(/\r?\n/).map((line) =>
    /^\s*\[/.test(line)
      ? line
          .trim()
          .replace(/\s+[#;].*$/, "")
          .replaceAll(".", "\\.")
      : line.replaceAll(/(?<=\S)[;#]/g, "\\$&"),
  );
  const found: unknown = decode(escaped.join("\n"));
  const section = isObject(found) && Object.hasOwn(found, name) ? found[name] : undefined;
  if (!isObject(section)) return undefined;
  return Object.fromEntries(
    Object.entries(section).flatMap(([key, value]) =>
      typeof value === "string" || typeof value === "boolean" ? [[key, String(value)]] : [],
    ),
  );
}
