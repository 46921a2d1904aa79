// Texts of an imported configuration that hold variables, until they are written in this gateway's own form.

/** A text with environment variables in it. */
export class Template {
  readonly parts: readonly (string | { variable: string })[];

  constructor(...parts: readonly (string | { variable: string })[]) {
    this.parts = parts;
  }
}

/** What a source says: as it is, or with variables. */
export type Text = string | Template;

/** @example render(new Template({ variable: "X" })) // → "${X}" */
export const render = (text: Text): string =>
  typeof text === "string"
    ? escape(text)
    : text.parts
        .map((part) => (typeof part === "string" ? escape(part) : `\${${part.variable}}`))
        .join("");

/** `${` of a source that does not know variables is only text. */
const escape = (text: string): string => text.replaceAll("${", () => "$${");

/** The only variable, when there is nothing else. */
export const loneVariable = (text: Text): string | undefined => {
  if (typeof text === "string" || text.parts.length !== 1) return undefined;
  const [part] = text.parts;
  return typeof part === "object" ? part.variable : undefined;
};

/** With other text behind it, e.g. a unit. */
export const withSuffix = (text: Text, suffix: string): Text =>
  typeof text === "string" ? `${text}${suffix}` : new Template(...text.parts, suffix);

const variableName = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** As LiteLLM names variables. @example readOsEnviron("os.environ/KEY") // a template that renders as "${KEY}" */
export function readOsEnviron(text: string): Text {
  const name = /^os\.environ\/(.+)$/.exec(text.trim())?.[1];
  return name !== undefined && variableName.test(name) ? new Template({ variable: name }) : text;
}

/** As shells name them: `$KEY` and `${KEY}`, within texts that have no spaces. */
export function readShell(written: string): Text {
  const text = written.trim();
  const parts: (string | { variable: string })[] = [];
  let end = 0;
  for (const match of text.matchAll(/\$\{([A-Za-z_]\w*)\}|\$([A-Za-z_]\w*)/g)) {
    if (match.index > end) parts.push(text.slice(end, match.index));
    parts.push({ variable: match[1] ?? match[2] ?? "" });
    end = match.index + match[0].length;
  }
  if (parts.length === 0 || /[^\x21-\x7e]/.test(text)) return written;
  if (end < text.length) parts.push(text.slice(end));
  return new Template(...parts);
}
