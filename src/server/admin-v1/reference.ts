// The reference as one page of HTML: nothing is loaded from anywhere, nothing runs.
import { createHash } from "node:crypto";
import { type JsonSchema, type OpenApiDocument, type OpenApiOperation, record } from "./openapi.ts";

export interface ReferencePage {
  readonly html: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** The page for a document. */
export function referencePage(document: OpenApiDocument): ReferencePage {
  const base = document.servers[0]?.url ?? "";
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  );
  const sections = document.tags.map(({ name }) => {
    const own = operations.filter(({ operation }) => operation.tags.includes(name));
    const entries = own.map(
      ({ path, method, operation }) =>
        `<details id="${escape(operation.operationId)}"><summary><b>${method.toUpperCase()}</b> <code>${escape(base + path)}</code> ${escape(operation.summary)}</summary>${details(operation)}</details>`,
    );
    return `<h2 id="${escape(name)}">${escape(name)}</h2>${entries.join("")}`;
  });
  const shapes = Object.entries(document.components.schemas).map(
    ([name, schema]) => `<h3 id="schema-${escape(name)}">${escape(name)}</h3>${shape(schema)}`,
  );
  const links = document.tags.map(({ name }) => `<a href="#${escape(name)}">${escape(name)}</a>`);
  const html = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${escape(document.info.title)}</title><style>${style}</style></head>
<body><h1>${escape(document.info.title)} ${escape(document.info.version)}</h1>
<p>${text(document.info.description)} <a href="/openapi.json">OpenAPI document</a></p>
<nav>${links.join(" ")} <a href="#shapes">shapes</a></nav>
${sections.join("\n")}
<h2 id="shapes">shapes</h2>
${shapes.join("\n")}
</body></html>
`;
  return { html, headers };
}

const style =
  "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222;background:#fff}" +
  "code{font:14px ui-monospace,monospace;background:#f2f2f2;padding:0 .2em}summary{cursor:pointer;padding:.3rem 0}" +
  "table{border-collapse:collapse;margin:.3rem 0 1rem}td,th{border:1px solid #ddd;padding:.2rem .5rem;text-align:left;vertical-align:top}" +
  "nav a{margin-right:.7rem}details{border-bottom:1px solid #eee}" +
  "@media(prefers-color-scheme:dark){body{color:#ddd;background:#161616}code{background:#2a2a2a}td,th{border-color:#444}details{border-color:#333}a{color:#8ab4f8}}";

const headers = {
  "content-type": "text/html; charset=utf-8",
  "content-security-policy": `default-src 'none'; style-src 'sha256-${createHash("sha256").update(style).digest("base64")}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cache-control": "no-cache",
};

function details(operation: OpenApiOperation): string {
  const { parameters, requestBody, responses } = operation;
  const rows = parameters.map((each) =>
    row(`${each.name} (${each.in})`, each.schema, each.description),
  );
  const body = requestBody
    ? `<p>Body:</p>${shape(requestBody.content["application/json"].schema)}`
    : "";
  const answers = Object.entries(responses).map(([status, response]) => {
    const schema = answerSchema(response);
    return `<code>${escape(status)}</code>${schema ? ` ${type(schema)}` : ""}`;
  });
  return [
    `<p>Needs <code>${escape(operation["x-action"])}</code>.</p>`,
    rows.length > 0 ? table(rows) : "",
    body,
    `<p>Answers: ${answers.join(", ")}</p>`,
  ].join("");
}

function answerSchema(response: object): JsonSchema | null {
  if (!("content" in response)) return null;
  const content = record(record(response.content)["application/json"]);
  return record(content["schema"]);
}

function shape(schema: JsonSchema): string {
  const properties = Object.entries(record(schema["properties"]));
  if (properties.length === 0) return `<p>${type(schema)}</p>`;
  const required = new Set(Array.isArray(schema["required"]) ? schema["required"] : []);
  return table(
    properties.map(([name, value]) => {
      const property = record(value);
      const said = typeof property["description"] === "string" ? property["description"] : "";
      return row(required.has(name) ? `${name} *` : name, property, said);
    }),
  );
}

const table = (rows: readonly string[]): string => `<table>${rows.join("")}</table>`;

const row = (name: string, schema: JsonSchema, said = ""): string =>
  `<tr><td><code>${escape(name)}</code></td><td>${type(schema)}</td><td>${text(said)}</td></tr>`;

/** The type of a schema in a word or two. */
function type(schema: JsonSchema): string {
  const ref = schema["$ref"];
  if (typeof ref === "string") {
    const name = escape(ref.slice(ref.lastIndexOf("/") + 1));
    return `<a href="#schema-${name}">${name}</a>`;
  }
  const options = schema["anyOf"];
  if (Array.isArray(options)) return options.map((each) => type(record(each))).join(" or ");
  const values = schema["enum"];
  if (Array.isArray(values)) {
    return values.map((each) => `<code>${escape(JSON.stringify(each))}</code>`).join(" ");
  }
  if (schema["type"] === "array") return `list of ${type(record(schema["items"]))}`;
  const found = schema["type"];
  if (Array.isArray(found)) return escape(found.join(" or "));
  return typeof found === "string" ? escape(found) : "anything";
}

/** Text with its \`code\`. */
const text = (said: string): string => escape(said).replaceAll(/`([^`]+)`/g, "<code>$1</code>");

const escape = (said: string): string =>
  said
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
