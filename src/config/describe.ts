// The configuration reference, written from the schema.
import { stringify } from "yaml";
import type { Provider } from "../providers/provider.ts";
import type { SchemaNode } from "./json-schema.ts";
import { alternatives, inputSchema } from "./json-schema.ts";
import { formatProblem } from "./problems.ts";

/** `docs/configuration.md` as Markdown. */
export function describeConfig(presets: readonly Provider[]): string {
  const root = inputSchema(presets);
  const sections = Object.entries(root.properties ?? {}).filter(([name]) => name !== "$schema");
  const seen = new Map<string, string>();
  return [
    introduction,
    "## Sections\n",
    table(
      ["Section", "What it is"],
      sections.map(([name, node]) => [`[\`${name}\`](#${name})`, node.description ?? ""]),
    ),
    ...sections.map(([name, node]) => section(name, node, seen)),
  ]
    .join("\n")
    .replaceAll(/\n{3,}/g, "\n\n");
}

const misspelled = formatProblem({
  file: "megallm.yaml",
  line: 12,
  column: 5,
  path: "providers.openai.api_kee",
  message: "unknown key `api_kee` in providers.openai",
  hint: "did you mean `api_key`?",
  excerpt: "    api_kee: ***\n    ^^^^^^^",
});

const introduction = `# Configuration

<!-- Generated from src/config/schema.ts by \`bun run generate\`. Edit there. -->

Without a configuration file the gateway serves whatever it finds: the built-in \`demo\` provider, every provider whose environment variable is set, and model servers on this machine. \`megallm init\` writes a file to start from, \`megallm check\` shows everything that is wrong with one.

## Where the file is

The first of these is used; a file that is named in one of the first two ways must exist:

1. \`--config <file>\`
2. \`$MEGALLM_CONFIG\`
3. \`$XDG_CONFIG_HOME/megallm/megallm.yaml\` (also \`.yml\`, \`.json\`; \`$XDG_CONFIG_HOME\` is \`~/.config\` when it is not set)
4. \`/etc/megallm/megallm.yaml\` (also \`.yml\`, \`.json\`)
5. \`megallm.yaml\` in the data folder, which the [administration API](admin-api.md#the-configuration) makes where there is none

A file in the current directory is never used by itself: name it with \`--config ./megallm.yaml\`. The file is YAML 1.2 or JSON, in UTF-8, at most 5 MB.

The file and every secret file it names are watched, and \`SIGHUP\` reads them again. Requests under way finish on the configuration they began with. A file with a problem is refused, and the gateway goes on with the one it has.

## Values

| Written | Means |
|---|---|
| \`\${NAME}\` | the environment variable; a problem when it is not set |
| \`\${NAME:-default}\` | the same, with a default for when it is not set or empty |
| \`\${file:/run/secrets/name}\` | the text of a file, without line breaks at its end; a relative path starts at the configuration file |
| \`\${credential:name}\` | a systemd credential: the file of that name in \`$CREDENTIALS_DIRECTORY\` |
| \`$\${\` | a literal \`\${\` |

They work inside any value, never in keys, and what they put in is text: it is not read as YAML and not looked through for further \`\${…}\`.

A **duration** is a number of milliseconds, or a text such as \`250ms\`, \`30s\`, \`5m\`, \`1h30m\`. A **size** is a number of bytes, or a text such as \`512kb\`, \`32mb\` (1 kb is 1024 bytes). **Dollars** are US dollars, exact to nine digits after the point; quotes keep them as written.

An unknown key is an error. All problems are shown at once, each with its place:

\`\`\`text
${misspelled}
\`\`\`

For completion in editors, begin the file with the address of the schema, \`schema/megallm.schema.json\` in this repository:

\`\`\`yaml
# yaml-language-server: $schema=./megallm.schema.json
\`\`\`
`;

/** One section: what it is, its fields, the fields of what lies in it, an example. */
function section(name: string, node: SchemaNode, seen: Map<string, string>): string {
  const tables: string[] = [];
  collectTables(name, node, seen, tables);
  const parts = [`\n## ${name}\n`, `${node.description ?? ""}\n`];
  if (tables.length === 0) parts.push(table(columns, [row(name, node)]));
  parts.push(...tables, "\nExample:\n", yamlBlock({ [name]: sampleOf(node) }));
  return parts.join("\n");
}

/** A table for each kind of map below `path`; one that was shown already is only referred to. */
function collectTables(
  path: string,
  node: SchemaNode,
  seen: Map<string, string>,
  tables: string[],
): void {
  for (const form of alternatives(node)) {
    if (form.items !== undefined) collectTables(`${path}[]`, form.items, seen, tables);
    const entry = form.additionalProperties;
    if (typeof entry === "object") collectTables(`${path}.<name>`, entry, seen, tables);
    if (form.properties === undefined) continue;
    const fields = Object.entries(form.properties);
    const shape = JSON.stringify(form.properties);
    const before = seen.get(shape);
    if (before !== undefined) {
      tables.push(`\n\`${path}\` has the fields of \`${before}\`.\n`);
      continue;
    }
    seen.set(shape, path);
    const required = new Set(form.required ?? []);
    tables.push(
      `${path.includes(".") || path.includes("[") ? `\n### ${code(path)}\n\n` : ""}${table(
        columns,
        fields.map(([name, child]) => row(name, child, required.has(name))),
      )}`,
    );
    for (const [name, child] of fields) collectTables(`${path}.${name}`, child, seen, tables);
  }
}

const columns = ["Key", "Type", "Default", "What it does", "Example"];

const row = (name: string, node: SchemaNode, required = false): string[] => [
  code(name),
  typeText(node),
  required ? "required" : defaultText(node),
  node.description ?? "",
  exampleText(node),
];

function typeText(node: SchemaNode): string {
  if (node.kind !== undefined) return node.kind;
  const forms = alternatives(node).map((form) => {
    if (form.secret === true) return "secret";
    if (form.enum !== undefined) return form.enum.map((value) => code(String(value))).join(", ");
    if (form.kind !== undefined) return form.kind;
    if (form.items !== undefined) return `list of ${typeText(form.items)}`;
    if (typeof form.additionalProperties === "object") return "map";
    if (form.type === "object") return "map";
    return form.type === "integer" || form.type === "number" ? "number" : "text";
  });
  const kinds = [...new Set(forms)];
  // Numbers are read from text too, for the sake of `${…}`: not worth a word in each row.
  return (kinds.includes("number") ? kinds.filter((kind) => kind !== "text") : kinds).join(" or ");
}

function defaultText(node: SchemaNode): string {
  if (node.defaultText !== undefined) return node.defaultText;
  const value = node.default;
  if (value === undefined) return "";
  const isEmpty = typeof value === "object" && value !== null && Object.keys(value).length === 0;
  return isEmpty ? "none" : code(typeof value === "string" ? value : JSON.stringify(value));
}

const sampleOf = (node: SchemaNode): unknown => node.examples?.[0];

function exampleText(node: SchemaNode): string {
  const value = sampleOf(node);
  if (value === undefined) return "";
  const flow = stringify(value, {
    collectionStyle: "flow",
    flowCollectionPadding: true,
    lineWidth: 0,
  });
  return code(flow.trim().replaceAll("\n", " "));
}

const yamlBlock = (value: unknown): string =>
  `\`\`\`yaml\n${stringify(value, { lineWidth: 0 })}\`\`\`\n`;

const code = (text: string): string => `\`${text}\``;

const cell = (text: string): string => text.replaceAll("|", "\\|").replaceAll("\n", " ");

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.map(cell).join(" | ")} |`;
  return `${[line(head), `|${head.map(() => "---").join("|")}|`, ...rows.map(line)].join("\n")}\n`;
}
