// Compares what a client's SDK heard with what was recorded.
import { dialectIds } from "./clients.ts";
import type { ClientId } from "./clients.ts";
import { bytesOf, type Exchange, isStreamed, type Wire } from "./exchange.ts";
import { type Payload, payloadsOf } from "./payloads.ts";
import { type Aspect, type Difference, type Reason, reasons } from "./reasons.ts";
import type { Answer } from "./replay.ts";
import type { Heard, Sdk } from "./sdk/heard.ts";
import {
  failureIn,
  isSilentOfCalls,
  isSloppy,
  lenient,
  messageIn,
  nativeMessage,
  onlyIn,
  recordedPayloads,
  tellPayloads,
  type Told,
} from "./told.ts";

/** One record, heard by one client. */
export interface Hearing {
  exchange: Exchange;
  wire: Wire;
  client: ClientId;
  sdk: Sdk;
  heard: Heard;
  answer: Answer;
}

export interface Judgement {
  reasons: Reason[];
  faults: string[];
}

export function judge(hearing: Hearing): Judgement {
  const { found, faults } = differences(hearing);
  const verdict: Judgement = { reasons: [], faults };
  for (const difference of found) {
    const reason = reasons.find((each) => isExplained(difference, each));
    if (reason) verdict.reasons.push(reason);
    else {
      const [before, after] = [difference.before, difference.after].map(clip);
      verdict.faults.push(`${difference.aspect}: ${before} became ${after}`);
    }
  }
  return verdict;
}

function isExplained(difference: Difference, reason: Reason): boolean {
  const { aspects, clients, ids, explains } = reason;
  return (
    aspects.includes(difference.aspect) &&
    (clients?.includes(difference.client) ?? true) &&
    (ids?.includes(difference.id) ?? true) &&
    (explains?.(difference) ?? true)
  );
}

const clip = (value: unknown): string => (JSON.stringify(value) ?? "nothing").slice(0, 400);

/** Bedrock's envelope around Anthropic's messages. */
const dialectOf = (wire: Wire): Wire => (wire === "bedrock-invoke" ? "anthropic-messages" : wire);

function differences(hearing: Hearing): { found: Difference[]; faults: string[] } {
  const { exchange, wire, client, sdk, heard, answer } = hearing;
  const { stream, response, id } = exchange;
  const faults: string[] = [];
  const isRelayed = wire === client;
  const isSame = Buffer.compare(answer.bytes, bytesOf(exchange)) === 0;
  const found: Difference[] = [];
  const differ = (aspect: Aspect, before: unknown, after: unknown): void => {
    const { errorCode } = answer.row;
    const relayed = isRelayed && isSame;
    found.push({ aspect, before, after, id, wire, client, errorCode, isRelayed: relayed });
  };

  const payloads = recordedPayloads(wire, exchange, isStreamed(exchange));
  const failure =
    response.status >= 400 ? { message: messageIn(response.body) } : failureIn(wire, payloads);
  if (isRelayed && answer.status === 200 && !failure && !isSame) {
    faults.push("the client got other bytes");
  }
  if (failure) {
    if (answer.row.status !== "error") faults.push("the failure is not on record");
    const told = answer.status >= 400 && Buffer.from(answer.bytes).toString("utf8");
    // What a provider says of a faulty request is relayed as it is.
    if (
      told !== false &&
      !isRelayed &&
      nativeMessage(envelopeOf(client), JSON.parse(told)) === ""
    ) {
      faults.push(`no error of the client's wire: ${told.slice(0, 300)}`);
    }
    const heardOf = heard.failure ?? failureIn(sdk.wire, heard.payloads);
    if (!heardOf?.message.includes(failure.message)) {
      differ("failure", failure.message, heardOf?.message);
    } else if (response.status >= 400 && heard.failure?.status !== response.status) {
      differ("failure", response.status, heard.failure?.status);
    }
    const [before, after] = [payloads, heard.payloads].map(
      (all, at) => tellPayloads(at === 0 ? wire : sdk.wire, all, stream).text,
    );
    if (after !== "" && response.status < 400 && !before?.startsWith(after ?? "")) {
      differ("text", before, after);
    }
    return { found, faults };
  }
  if (heard.failure) {
    differ("failure", undefined, heard.failure.message);
    return { found, faults };
  }

  const said = tellPayloads(wire, payloads, isStreamed(exchange));
  const isLenient = isSilentOfCalls(sdk.wire);
  const before = isLenient || isSilentOfCalls(wire) || isSloppy(wire) ? lenient(said) : said;
  const read = (all: readonly Payload[], isStream: boolean): Told => {
    const told = tellPayloads(sdk.wire, all, isStream);
    return isLenient || isRelayed ? lenient(told) : told;
  };
  const after = read(heard.payloads, stream);
  for (const aspect of ["text", "reasoning", "citations", "images", "finish"] as const) {
    if (!Bun.deepEquals(before[aspect], after[aspect])) {
      differ(aspect, before[aspect], after[aspect]);
    }
  }
  const [recorded, shown] = [before.calls, after.calls].map(respelt);
  const isAlike = Bun.deepEquals(recorded, shown);
  if (!isAlike) differ("calls", recorded, shown);
  // Where the provider tells no usage the gateway counts, and says so in the row.
  for (const aspect of ["input", "cacheRead", "cacheWrite", "output", "reasoning"] as const) {
    if (before.usage && before.usage[aspect] !== after.usage?.[aspect]) {
      differ(`usage.${aspect}`, before.usage[aspect], after.usage?.[aspect]);
    }
  }
  if (heard.whole) {
    const told = read([heard.whole], false);
    const [heardSoFar, putTogether] = [after, told].map(({ text, calls, finish }) => ({
      text,
      calls: respelt(calls),
      finish,
    }));
    if (!Bun.deepEquals(heardSoFar, putTogether)) differ("whole", heardSoFar, putTogether);
  }

  if (!isRelayed && isAlike) {
    const written = tellPayloads(
      sdk.wire,
      payloadsOf(envelopeOf(client), answer.bytes, stream),
      stream,
    );
    if (!Bun.deepEquals(before.calls, written.calls))
      differ("spelling", before.calls, written.calls);
  }
  faults.push(...wrongRow(before, answer));
  const lost = [
    ...(dialectOf(wire) === sdk.wire ? [] : onlyIn(wire, payloads)),
    ...found
      .filter(({ aspect }) => aspect === "citations" || aspect === "images")
      .map(({ aspect }) => aspect),
  ].filter((name) => !shows(client, name));
  if (lost.length > 0 && answer.row.warnings.length === 0 && !isRelayed) {
    faults.push(`lost without a warning: ${lost.join(", ")}`);
  }
  return { found, faults };
}

/** How the bytes of a client's stream are cut. */
const envelopeOf = (client: ClientId): Wire =>
  client === "bedrock-invoke"
    ? client
    : (dialectIds.find((dialect) => dialect === client) ??
      (client === "ollama-generate" ? "ollama" : "anthropic-messages"));

/** Gemini has several candidates too. */
const shows = (client: ClientId, name: string): boolean =>
  (client === "gemini" || client === "openai-chat") &&
  (name === "choices" || name === "candidates");

const respelt = (calls: Told["calls"]): Told["calls"] =>
  calls.map(({ name, args }) => {
    try {
      return { name, args: JSON.stringify(JSON.parse(args)) };
    } catch {
      return { name, args };
    }
  });

/** The ledger has what the answer says of usage; where it says nothing, what the gateway counted. */
export function wrongRow({ usage, text, reasoning, calls }: Told, { row }: Answer): string[] {
  if (row.status !== "ok") return [`the row says ${row.status} ${row.errorCode}`];
  if (!usage) {
    const isCounted = row.usageEstimated && row.inputTokens > 0 && row.outputTokens > 0;
    const isEmpty = text === "" && reasoning === "" && calls.length === 0;
    return isCounted || isEmpty ? [] : ["no usage, and none counted"];
  }
  const recorded = {
    input: row.inputTokens,
    cacheRead: row.cacheReadTokens,
    cacheWrite: row.cacheWrite5mTokens + row.cacheWrite1hTokens,
    output: row.outputTokens,
  };
  const { reasoning: _, ...told } = usage;
  return Bun.deepEquals(recorded, told)
    ? []
    : [`row ${JSON.stringify(recorded)}, told ${JSON.stringify(told)}`];
}
