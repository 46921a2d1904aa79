// URL paths with names in them, e.g. `/model/{model}/converse`.

export interface PathTemplate {
  /** The names of a matching path, decoded; null when it does not match. Malformed escapes do not match. */
  match(pathname: string): Record<string, string> | null;
}

/**
 * `{model}` takes anything but nothing, slashes included; any other `{name}` one segment.
 * @example compilePath("/models/{model}:run").match("/models/a%2Fb:run") // → { model: "a/b" }
 */
export function compilePath(template: string): PathTemplate {
  const names: string[] = [];
  const source = template
    .split(/\{(\w+)\}/)
    .map((piece, at) => {
      if (at % 2 === 0) return RegExp.escape(piece);
      names.push(piece);
      return piece === "model" ? "(.+)" : "([^/]+)";
    })
    .join("");
  const pattern = new RegExp(`^${source}/?$`);
  return {
    match(pathname) {
      const found = pattern.exec(pathname);
      if (!found) return null;
      try {
        return Object.fromEntries(
          names.map((name, at) => [name, decodeURIComponent(found[at + 1] ?? "")]),
        );
      } catch {
        return null;
      }
    },
  };
}
