// Faults before there is an upstream, and what one vendor alone says in its own way.
import { json } from "../support/scripted-upstream.ts";
import { anthropicAnswers } from "../support/wire-answers.ts";
import { auth, type Fault, fault, limited, timeout, unavailable } from "./fault.ts";

const google = (code: number, status: string, message: string, details?: unknown): string =>
  json(code, { error: { code, message, status, ...(details !== undefined && { details }) } });

/** What one vendor alone says in its own way. */
export const vendors: readonly Fault[] = [
  {
    ...fault(
      "R25",
      "400, usage limit reached, as Anthropic words it",
      () => [
        anthropicAnswers.error(
          400,
          "invalid_request_error",
          "You have reached your specified API usage limits. You will regain access on 2027-01-01 at 00:00 UTC.",
        ),
      ],
      auth,
    ),
    wires: ["Anthropic"],
  },
  {
    ...fault(
      "R27",
      "529, as Anthropic words it",
      () => [anthropicAnswers.error(529, "overloaded_error", "Overloaded")],
      unavailable,
    ),
    wires: ["Anthropic"],
  },
  {
    ...fault(
      "R25",
      "400, our key, as Google words it",
      () => [google(400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key.")],
      auth,
    ),
    wires: ["Gemini"],
  },
  {
    ...fault(
      "R26",
      "429, the wait in the body, as Google tells it",
      () => [
        google(429, "RESOURCE_EXHAUSTED", "You exceeded your current quota.", [
          { "@type": "type.googleapis.com/google.rpc.RetryInfo", retryDelay: "40s" },
        ]),
      ],
      limited(35, 40),
    ),
    wires: ["Gemini"],
    retryAfter: [35, 40],
  },
];

/** A certificate that nobody vouches for is no upstream, and no reason to try again. */
export const strangers: readonly Fault[] = (
  [
    ["R18", "TLS: a certificate of nobody's", "tls-stranger", unavailable],
    ["R18", "TLS: a certificate that has expired", "tls-expired", unavailable],
    ["R18", "TLS: plain HTTP in its place", "tls-plain", unavailable],
    ["R18", "TLS: closed in the handshake", "tls-closed", unavailable],
    ["R18", "TLS: silent in the handshake", "tls-silent", timeout],
    ["R19", "a name that nobody has", "no-such-name", unavailable],
  ] as const
).map(([item, name, place, stated]) => ({ ...fault(item, name, () => [], stated), place }));
