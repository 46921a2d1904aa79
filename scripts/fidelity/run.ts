// Runs the codecs on each feature's native form, and tells what becomes of it on every other wire.
import { isDeepStrictEqual } from "node:util";
import type { AnswerContext } from "../../src/dialects/dialect.ts";
import { dialects } from "../../src/dialects/index.ts";
import type { ChatResponse, DialectId } from "../../src/ir/chat.ts";
import { GatewayError } from "../../src/ir/error.ts";
import { createCollector, expand } from "../../src/ir/fold.ts";
import type { Warning } from "../../src/ir/warning.ts";
import type { Frame } from "../../src/lib/frame.ts";
import { isObject, type JsonObject, parseObject } from "../../src/lib/json.ts";
import { emulateSchema } from "../../src/pipeline/structured.ts";
import { answerFeatures } from "./answer-features.ts";
import { askFeatures } from "./ask-features.ts";
import { models, plainest, targetOf } from "./bodies.ts";
import { type AnswerFeature, type Form, ids, type RequestFeature } from "./feature.ts";
import { settingFeatures } from "./setting-features.ts";

export type Kind = "kept" | "mapped" | "lost" | "refused" | "aside" | "silent";

export interface Verdict {
  group: string;
  feature: string;
  from: DialectId;
  to: DialectId;
  /** `aside`: left out without a warning, on purpose. `silent`: neither there nor told, which is a defect. */
  kind: Kind;
  /** What a mapped feature becomes, or why it is lost. */
  note: string;
}

/** Every feature from every wire that has it to every wire, its own too. */
export function runAll(): Verdict[] {
  const asked = [...askFeatures, ...settingFeatures].flatMap((feature) =>
    pairs(feature).map(([from, to, form]) => verdict(feature, from, to, askBoth(feature, form))),
  );
  const said = answerFeatures.flatMap((feature) =>
    pairs(feature).flatMap(([from, to, form]) => {
      const whole = verdict(feature, from, to, answerBoth(form, false));
      const streamed = verdict(feature, from, to, answerBoth(form, true));
      // A stream must not say less than a whole answer.
      return streamed.kind === "silent" && whole.kind !== "silent"
        ? [{ ...streamed, feature: `${feature.name} (streamed)` }]
        : [whole];
    }),
  );
  return [...asked, ...said];
}

function pairs(feature: RequestFeature | AnswerFeature): [DialectId, DialectId, Form][] {
  return ids.flatMap((from) => {
    const form = feature.forms[from];
    return form ? ids.map((to): [DialectId, DialectId, Form] => [from, to, form]) : [];
  });
}

/** Both sides of a translation: what was read, what came of it, and what was told. */
interface Passed<T> {
  before: T;
  after: T;
  body: JsonObject;
  warnings: Warning[];
}

type Pass<T> = (from: DialectId, to: DialectId) => { full: Passed<T>; plain: Passed<T> };

function verdict<T>(
  feature: Pick<RequestFeature, "group" | "name" | "unasked" | "aside"> & {
    read(value: T, from: DialectId, body: JsonObject): unknown;
  },
  from: DialectId,
  to: DialectId,
  pass: Pass<T>,
): Verdict {
  const base = { group: feature.group, feature: feature.name, from, to };
  try {
    const { full, plain } = pass(from, to);
    const was = feature.read(full.before, from, {});
    if (was === undefined) {
      throw new Error(`${feature.group}, ${feature.name}: \`${from}\` does not read its own form`);
    }
    const is = feature.read(full.after, from, full.body);
    const told = toldOnly(full.warnings, plain.warnings);
    const changes = changesOf(plain.body, full.body);
    const reasons = told.map(({ field, reason }) => `\`${field}\`: ${reason}`).join("; ");
    if (is !== undefined) {
      if (isDeepStrictEqual(plainData(is), plainData(was)) && told.length === 0) {
        return { ...base, kind: "kept", note: "" };
      }
      // Another meaning than before, and nothing in the body or in a warning says so.
      if (changes === "" && told.length === 0) return { ...base, kind: "silent", note: "" };
      return { ...base, kind: "mapped", note: [changes, reasons].filter(Boolean).join("; ") };
    }
    const unasked = feature.unasked?.[to];
    if (told.length === 0 && unasked !== undefined) return { ...base, kind: "kept", note: unasked };
    if (told.length === 0) {
      const { why, on = ids } = feature.aside ?? { why: changes, on: [] };
      return { ...base, kind: on.includes(to) ? "aside" : "silent", note: why };
    }
    return changes === ""
      ? { ...base, kind: "lost", note: reasons }
      : { ...base, kind: "mapped", note: `${changes}; ${reasons}` };
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error;
    return { ...base, kind: "refused", note: error.message };
  }
}

const plainData = (value: unknown): unknown => JSON.parse(JSON.stringify(value)) as unknown;

const toldOnly = (all: readonly Warning[], before: readonly Warning[]): Warning[] =>
  all.filter(
    ({ field, reason }) =>
      !before.some((other) => other.field === field && other.reason === reason),
  );

const askBoth =
  (feature: RequestFeature, form: Form) =>
  (from: DialectId, to: DialectId): ReturnType<Pass<ReturnType<typeof askOnce>["before"]>> => ({
    full: askOnce(form.body, from, to, feature.reasons ?? false),
    plain: askOnce(form.plain ?? plainest[from], from, to, feature.reasons ?? false),
  });

const bodyOf = (json: JsonObject) => ({ json, text: JSON.stringify(json) });

function askOnce(json: JsonObject, from: DialectId, to: DialectId, reasons: boolean) {
  const decoded = dialects[from].request.decode(bodyOf({ model: "m", ...json }), "chat");
  const target = targetOf(to, reasons);
  const dialect = dialects[to];
  const emulated =
    dialect.enforcesSchema?.(target) === false
      ? emulateSchema(decoded.value, target.provider)
      : undefined;
  const encoded = dialect.request.encode(emulated?.request ?? decoded.value, target);
  const body = parseObject(encoded.body);
  const back = dialect.request.decode(bodyOf({ ...body, model: target.model }), "chat");
  return {
    before: decoded.value,
    after: back.value,
    body,
    warnings: [...decoded.warnings, ...encoded.warnings, ...(emulated ? [emulated.warning] : [])],
  };
}

const answerBoth =
  (form: Form, streamed: boolean) =>
  (from: DialectId, to: DialectId): ReturnType<Pass<ChatResponse>> => ({
    full: answerOnce(form.body, from, to, streamed),
    plain: answerOnce(form.plain ?? form.body, from, to, streamed),
  });

function answerOnce(
  json: JsonObject,
  from: DialectId,
  to: DialectId,
  streamed: boolean,
): Passed<ChatResponse> {
  const origin = { dialect: from, provider: models[from].provider, model: "m" };
  const decoded = dialects[from].response.decode(bodyOf(json), origin);
  const warnings = [...decoded.warnings];
  const context: AnswerContext = {
    model: "m",
    includeUsage: true,
    warn: (warning) => void warnings.push(warning),
  };
  const { response, stream } = dialects[to];
  const shown = { dialect: to, provider: "client", model: "m" };
  if (!streamed) {
    const body = parseObject(response.encode(decoded.value, context));
    return {
      before: decoded.value,
      after: response.decode(bodyOf(body), shown).value,
      body,
      warnings,
    };
  }
  const encoder = stream.encoder(context);
  const decoder = stream.decoder(shown);
  const collector = createCollector();
  const frames = expand(decoded.value).flatMap((event) => encoder.push(event));
  const events = [...frames.flatMap((frame) => decoder.push(frame)), ...decoder.end()];
  for (const event of events) {
    if (event.type === "error") throw event.error;
    collector.push(event);
  }
  return { before: decoded.value, after: collector.response(), body: framesOf(frames), warnings };
}

const framesOf = (frames: readonly Frame[]): JsonObject => ({
  frames: frames.map(({ data }) => {
    try {
      return JSON.parse(data) as unknown;
    } catch {
      return data;
    }
  }),
});

/** What the gateway makes up differs from run to run. */
const madeUp = /(?:^|[.\]])(?:id|responseId|created(?:_at)?|item_id)$/;

/** Where two bodies differ, in a few words. */
function changesOf(plain: JsonObject, full: JsonObject): string {
  const found: string[] = [];
  const visit = (one: unknown, other: unknown, path: string): void => {
    if (isDeepStrictEqual(one, other) || madeUp.test(path)) return;
    if (isObject(one) && isObject(other)) {
      for (const key of new Set([...Object.keys(other), ...Object.keys(one)])) {
        visit(one[key], other[key], path === "" ? key : `${path}.${key}`);
      }
      return;
    }
    if (Array.isArray(one) && Array.isArray(other)) {
      for (let at = 0; at < Math.max(one.length, other.length); at += 1) {
        visit(one[at], other[at], `${path}[${at}]`);
      }
      return;
    }
    found.push(
      other === undefined ? `\`${path}\` is gone` : `\`${path}: ${short(JSON.stringify(other))}\``,
    );
  };
  visit(plain, full, "");
  return found.slice(0, 3).join(", ") + (found.length > 3 ? ", …" : "");
}

const short = (text: string): string => (text.length > 90 ? `${text.slice(0, 88)}…` : text);
