// Every recorded request of real clients through the gateway to strict upstreams: its own wire, and every other one.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { isObject } from "../../../src/lib/json.ts";
import type { Recorded, Upstream } from "../upstream/upstream.ts";
import { checkAnswer } from "./answers.ts";
import { type Known, kindOf, modelOf } from "./asked.ts";
import { type Capture, captureNames, capturesAbsent, readCaptures } from "./captures.ts";
import type { Serve, Served } from "./ground.ts";
import { refusals } from "./refusals.ts";
import { configOf, presetsOf, type Target } from "./targets.ts";

const print = (text: string): void => void process.stdout.write(`${text}\n`);

/** One target's double, and the gateway in front of it. */
interface Stand {
  target: Target;
  upstream: Upstream;
  gateway: Served;
}

interface Tally {
  accepted: number;
  /** By reason. */
  refused: Map<string, number>;
  faults: string[];
}

/** Declares the tests; `serve` starts the gateways they are about. */
export function replayScenes(serve: Serve, targets: readonly Target[]): void {
  if (capturesAbsent) print("skipped: ../shared with the captures of real clients is not here");
  describe.skipIf(capturesAbsent)("requests of real clients", () => {
    let stands: Stand[] = [];
    const table = new Map<string, Map<string, Tally>>();
    beforeAll(async () => {
      const captures = (await Promise.all(captureNames.map(readCaptures))).flat();
      const names = new Set(captures.filter(({ method }) => method === "POST").map(modelOf));
      stands = await Promise.all(
        targets.map(async (target) => {
          const upstream = await target.start();
          const config = configOf(target, upstream, [...names]);
          return { target, upstream, gateway: await serve(config, presetsOf(target)) };
        }),
      );
    });
    afterAll(async () => {
      print(printed(table, targets));
      await Promise.all(
        stands.flatMap(({ upstream, gateway }) => [upstream.stop(), gateway.stop()]),
      );
    });

    for (const client of captureNames) {
      test(
        client,
        async () => {
          const row = new Map<string, Tally>();
          table.set(client, row);
          const captures = await readCaptures(client);
          for (const stand of stands) {
            const tally: Tally = { accepted: 0, refused: new Map(), faults: [] };
            row.set(stand.target.name, tally);
            for (const capture of captures) {
              try {
                const why = await replay(stand, capture);
                if (why === null) tally.accepted += 1;
                else tally.refused.set(why, (tally.refused.get(why) ?? 0) + 1);
              } catch (error) {
                const message = error instanceof Error ? error.message : String(error);
                tally.faults.push(`${client} ${capture.n} (${capture.case}): ${message}`);
              }
            }
          }
          const faults = [...row].flatMap(([name, tally]) =>
            tally.faults.map((fault) => `→ ${name}: ${fault}`),
          );
          expect(faults).toEqual([]);
        },
        60_000,
      );
    }
  });
}

function printed(
  table: ReadonlyMap<string, ReadonlyMap<string, Tally>>,
  targets: readonly Target[],
): string {
  const names = targets.map(({ name }) => name);
  const lines = [...table].map(([client, row]) => {
    const cells = names.map((name) => {
      const tally = row.get(name);
      const refused = [...(tally?.refused.values() ?? [])].reduce((sum, count) => sum + count, 0);
      return `${tally?.accepted ?? 0} / ${refused} / ${tally?.faults.length ?? 0}`.padEnd(16);
    });
    return `${client.padEnd(14)} ${cells.join(" ")}`;
  });
  const reasons = new Map<string, number>();
  for (const row of table.values()) {
    for (const { refused } of row.values()) {
      for (const [why, count] of refused) reasons.set(why, (reasons.get(why) ?? 0) + count);
    }
  }
  return [
    "accepted / refused rightly / fault",
    `${" ".repeat(14)} ${names.map((name) => name.padEnd(16)).join(" ")}`,
    ...lines,
    ...[...reasons].map(([why, count]) => `refused ${count}: ${why}`),
  ].join("\n");
}

/** What one request brought back, and what reached the upstream for it. */
interface Brought {
  answer: Response;
  sent: Recorded[];
  lost: string[];
}

/** A base URL with a path of the user's own: this gateway's has none. */
const addressOf = ({ path }: Capture): string => path.replace(/^\/gemini(?=\/v1beta\/)/, "");

async function bring({ gateway, upstream }: Stand, capture: Capture): Promise<Brought> {
  const { method, headers, body } = capture;
  const before = upstream.requests.length;
  const answer = await fetch(gateway.url + addressOf(capture), {
    method,
    headers,
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const warnings = JSON.parse(answer.headers.get("x-megallm-warnings") ?? "[]") as {
    field: string;
  }[];
  return {
    answer,
    // What else it is asked are its models, for their list.
    sent: upstream.requests.slice(before).filter((each) => each.method === "POST"),
    lost: warnings.map(({ field }) => field),
  };
}

/** Sends one request; the reason where it is refused rightly, null where it is answered. */
async function replay(stand: Stand, capture: Capture): Promise<string | null> {
  const { target } = stand;
  const known = kindOf({ ...capture, path: addressOf(capture) });
  const brought = await bring(stand, capture);
  const { answer, sent } = brought;
  expect(answer.headers.get("x-request-id")).toBeString();
  if (!known) return turnedAway(capture, brought);
  const refusal = refusals.find((one) => one.applies(capture, target));
  if (refusal) {
    expect([refusal.status].flat()).toContain(answer.status);
    expect(await answer.text()).toMatch(refusal.says);
    expect(sent).toHaveLength(refusal.byUpstream ? 1 : 0);
    return refusal.why;
  }
  if (answer.status !== 200) throw new Error(`${answer.status} ${await answer.text()}`);
  await checkAnswer(capture, known, answer);
  for (const { refusal: refused } of sent) expect(refused).toBeUndefined();
  if (known.wire === undefined) expect(sent).toEqual([]);
  if (known.kind === "chat") checkSent(stand, capture, known, brought);
  return null;
}

function checkSent({ target }: Stand, capture: Capture, { wire }: Known, brought: Brought): void {
  const { sent } = brought;
  expect(sent).toHaveLength(1);
  const [request] = sent;
  if (!request) return;
  expectPrivate(request.headers);
  if (wire === target.wire) checkRelayed(target, capture, brought, request);
  else if (wire !== target.wraps) checkTranslated(capture, brought, request);
}

const value = (headers: Record<string, string>, name: string): string | undefined =>
  Object.entries(headers).find(([key]) => key.toLowerCase() === name)?.[1];

/** The upstream got the client's bytes, but for the model's name and its own key. */
function checkRelayed(
  target: Target,
  capture: Capture,
  { lost }: Brought,
  request: Recorded,
): void {
  const text = JSON.stringify(capture.body);
  const name = modelOf(capture);
  const expected = withoutAdditions(text).replace(
    `"model":"${name}"`,
    `"model":"${target.model(name)}"`,
  );
  const body = Buffer.from(request.body).toString("utf8");
  // Nothing else may be added than the wish that a stream reports usage.
  const asking = /,?"stream_options":\{"include_usage":true\}/;
  if (body !== expected) expect(body.replace(asking, "")).toBe(expected.replace(asking, ""));
  expect(request.query).toBe(/\?.*/.exec(capture.path)?.[0] ?? "");
  for (const header of ["anthropic-version", "anthropic-beta"]) {
    expect([header, request.headers[header]]).toEqual([header, value(capture.headers, header)]);
  }
  expect(lost).toEqual(withoutAdditions(text) === text ? [] : ["input[*].parsed_arguments"]);
}

/** `parsed_arguments` says again what `arguments` say: OpenAI refuses it, and it is cut out. */
const withoutAdditions = (text: string): string =>
  text.replaceAll(/,"parsed_arguments":\{[^{}]*\}/g, "");

/** Nothing that is the business of the client's own vendor is in it. */
function checkTranslated({ body: asked }: Capture, { lost }: Brought, request: Recorded): void {
  const body = isObject(request.parsed) ? request.parsed : {};
  for (const name of ["safeguards", "thread", "context_management", "betas", "client_metadata"]) {
    expect([name, body[name]]).toEqual([name, undefined]);
  }
  expect(body["tools"]).not.toEqual([]);
  expect(JSON.stringify(body)).not.toContain("x-anthropic-billing-header");
  expect(request.headers["anthropic-beta"] ?? "").not.toContain("claude-code");
  for (const name of ["safeguards", "context_management"]) {
    if (asked?.[name] !== undefined) expect(lost).toContain(name);
  }
}

/** No header of the caller's own goes on: neither its key nor what its program tells of itself. */
function expectPrivate(headers: Record<string, string>): void {
  expect(Object.values(headers).filter((text) => /\bKEY\b/.test(text))).toEqual([]);
  const told = /^(?:x-stainless-|x-claude-code-|x-app$|sec-fetch-|anthropic-dangerous-|origin$)/;
  expect(Object.keys(headers).filter((name) => told.test(name))).toEqual([]);
  expect(headers["user-agent"]).toStartWith("megallm/");
}

/** What is not served is refused at once, in words: agents try another way then. */
async function turnedAway({ method, path }: Capture, { answer, sent }: Brought): Promise<string> {
  const isUpgrade = method === "GET" && path === "/v1/responses";
  expect([path, answer.status]).toEqual([path, isUpgrade ? 426 : 404]);
  expect(await answer.json()).toMatchObject({ error: { message: expect.any(String) } });
  expect(sent).toEqual([]);
  return `not served: ${method} ${path}`;
}
