// What of the fault catalogue is proven elsewhere: the table names the test, and the suite makes sure that it is there.

export interface Reference {
  item: string;
  name: string;
  stated: string;
  /** From the repository's root. */
  file: string;
  /** A piece of its source: the test's name, or the first words of it. */
  test: string;
}

const at = (
  item: string,
  name: string,
  stated: string,
  [file, test]: readonly [string, string],
): Reference => ({ item, name, stated, file, test });

export const references: readonly Reference[] = [
  at("R01", "clients leave in every phase, through the binary", "upstream closed in milliseconds", [
    "test/e2e/abort.test.ts",
    "R01 R02 client abort reaches the upstream in milliseconds, in every phase",
  ]),
  at("R01", "RST in the middle of a stream", "median under 50 ms, one row `client_closed`", [
    "test/integration/server.test.ts",
    "R01 M09 a client that leaves in the middle: upstream closed in milliseconds, one row",
  ]),
  at("R03", "RST right behind the terminal event", "recorded as answered", [
    "test/integration/server.test.ts",
    "R03 a client that leaves right behind the terminal event was answered",
  ]),
  at("R05", "a reader that is frozen", "the upstream waits, memory stays, cut at the write limit", [
    "test/integration/server.test.ts",
    "R05 a reader that is frozen",
  ]),
  at("R05", "512 MB and a client that pauses", "at most 16 MB of memory", [
    "test/unit/egress/exchange.test.ts",
    "512 MB from an upstream and a client that pauses: at most 16 MB of memory",
  ]),
  at("R06", "every recorded stream, cut at every byte", "the same events", [
    "test/contract/wire-corpus-cuts.test.ts",
    "a stream cut anywhere",
  ]),
  at("R06", "SSE in arbitrary pieces", "the frames of the standard's own algorithm", [
    "test/unit/lib/sse.test.ts",
    "frames are those of the standard's own algorithm, however the bytes arrive",
  ]),
  at("R07", "the grammar, case by case", "as the standard says", [
    "test/unit/lib/sse.test.ts",
    "R07 grammar",
  ]),
  at("R08", "events of 64 KB to 16 MB, and beyond the cap", "whole, or a clear error", [
    "test/unit/lib/sse.test.ts",
    "beyond the cap there is an error, whether the event comes whole or in pieces",
  ]),
  at("R09", "silence before the answer and within it, vendors' SDKs", "the stream lives", [
    "test/e2e/silence.test.ts",
    "R09 R10 silence before the answer and within it cuts no stream",
  ]),
  at("R10", "keep-alives", "in each client's own form, never inside an event", [
    "test/integration/server.test.ts",
    "R10 keep-alives never stand inside an event",
  ]),
  at("R10", "a keep-alive is not the first token", "the time to the first token holds", [
    "test/integration/server.test.ts",
    "a keep-alive is not the first token",
  ]),
  at("R18", "TLS, fault by fault, with an authority of our own", "named; extra authorities add", [
    "test/unit/egress/tls.test.ts",
    "faults are named, an extra authority is honoured, pinned names are checked",
  ]),
  at("R19", "NXDOMAIN, empty answers", "named, asked for again next time", [
    "test/unit/egress/policy.test.ts",
    "R19 names that do not resolve say so, and are asked for again next time",
  ]),
  at("R19", "a resolver that hangs", "cut by the connect deadline", [
    "test/unit/egress/policy.test.ts",
    "R19 a resolver that hangs is cut by the connect deadline",
  ]),
  at("R19", "one dead address of two", "the other answers", [
    "test/unit/egress/policy.test.ts",
    "R19 one dead address of two: the other answers, and comes first from then on",
  ]),
  at("R20", "a pooled connection that the upstream closed", "the POST is not repeated", [
    "test/unit/egress/exchange.test.ts",
    "M15 R20 a pooled connection that the upstream closed does not repeat a POST",
  ]),
  at("R20", "nobody takes the connection", "given up after connectMs", [
    "test/unit/egress/exchange.test.ts",
    "R20 an upstream that takes no connection is given up after connectMs, by the probe",
  ]),
  at("R21", "which proxy", "HTTP_PROXY, NO_PROXY, the provider's own", [
    "test/unit/egress/proxy.test.ts",
    "R21 the choice of proxy",
  ]),
  at("R21", "a loopback upstream with HTTP_PROXY set", "reached directly", [
    "test/unit/egress/proxy.test.ts",
    "loopback reaches the upstream itself, whatever environment the process has",
  ]),
  at("R21", "a proxy that refuses", "named without its password", [
    "test/unit/egress/proxy.test.ts",
    "a proxy that refuses the tunnel, or is not there, is named without its password",
  ]),
  at("R22", "more streams than the runtime's own limit", "all run at once", [
    "test/e2e/load.test.ts",
    "M10 R22 more than 256 upstream streams really run at once",
  ]),
  at("R22", "as many streams as places, and one more", "all start, the next is told at once", [
    "test/integration/load.test.ts",
    "R22 as many streams as there are places all start, the next is told at once",
  ]),
  at(
    "R30",
    "the same key: restarts, crashes, forms, sound, large answers",
    "replayed, 409 or 422",
    ["test/integration/idempotency.test.ts", "two gateways on one store, and restarts"],
  ),
  at(
    "R30",
    "the same key after `kill -9`, through the binary",
    "replayed, or 409 when it was cut off",
    ["test/e2e/idempotency.test.ts", "R30 an Idempotency-Key survives kill -9"],
  ),
  at("R48", "ten times what there is room for", "the excess is told at once", [
    "test/integration/load.test.ts",
    "R48",
  ]),
];
