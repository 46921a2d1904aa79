// Deadlines as users write them.
import { z } from "zod";
import type { Timeouts } from "./config.ts";
import { field } from "./field.ts";
import { limitMs } from "./schema-values.ts";

/** 30 minutes: reasoning models may stay silent for 20 before the first token and between tokens. */
const silenceMs = 30 * 60_000;

export const defaultTimeouts: Timeouts = {
  connectMs: 5_000,
  firstByteMs: silenceMs,
  firstTokenMs: null,
  idleMs: silenceMs,
  totalMs: 2 * 3_600_000,
};

const timeoutTexts = {
  connect: "How long the connection to the provider may take.",
  first_byte:
    "How long the provider may stay silent before its answer begins. Reasoning models can think for 20 minutes.",
  first_token:
    "How long a streamed answer may take until its first content: text, reasoning or a tool call, not a sign of life. When it passes, the next deployment is asked. So long the client is shown nothing but signs of life.",
  idle: "How long the provider may stay silent between two pieces of a streamed answer.",
  total: "How long one attempt may take in all.",
} as const;

export const inherited = { defaultText: "inherited" };

export const partialTimeouts = z
  .strictObject({
    connect: field(limitMs.optional(), timeoutTexts.connect, "5s", inherited),
    first_byte: field(limitMs.optional(), timeoutTexts.first_byte, "30m", inherited),
    first_token: field(limitMs.optional(), timeoutTexts.first_token, "20s", inherited),
    idle: field(limitMs.optional(), timeoutTexts.idle, "30m", inherited),
    total: field(limitMs.optional(), timeoutTexts.total, "off", inherited),
  })
  .transform((value): Partial<Timeouts> => {
    const timeouts: { -readonly [name in keyof Timeouts]?: number | null } = {};
    if (value.connect !== undefined) timeouts.connectMs = value.connect;
    if (value.first_byte !== undefined) timeouts.firstByteMs = value.first_byte;
    if (value.first_token !== undefined) timeouts.firstTokenMs = value.first_token;
    if (value.idle !== undefined) timeouts.idleMs = value.idle;
    if (value.total !== undefined) timeouts.totalMs = value.total;
    return timeouts;
  });

export const timeoutsDescription =
  "Deadlines that differ from the general ones; `off` is no limit.";

export const fullTimeouts = z
  .strictObject({
    connect: field(limitMs.default(defaultTimeouts.connectMs), timeoutTexts.connect, "5s", {
      defaultText: "5s",
    }),
    first_byte: field(
      limitMs.default(defaultTimeouts.firstByteMs),
      timeoutTexts.first_byte,
      "30m",
      { defaultText: "30m" },
    ),
    first_token: field(
      limitMs.default(defaultTimeouts.firstTokenMs),
      timeoutTexts.first_token,
      "20s",
      { defaultText: "off" },
    ),
    idle: field(limitMs.default(defaultTimeouts.idleMs), timeoutTexts.idle, "30m", {
      defaultText: "30m",
    }),
    total: field(limitMs.default(defaultTimeouts.totalMs), timeoutTexts.total, "off", {
      defaultText: "2h",
    }),
  })
  .transform((value): Timeouts => ({
    connectMs: value.connect,
    firstByteMs: value.first_byte,
    firstTokenMs: value.first_token,
    idleMs: value.idle,
    totalMs: value.total,
  }));
