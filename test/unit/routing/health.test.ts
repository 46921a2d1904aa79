// Cooldowns and breakers, under a virtual clock (faults R24, R25, R26, R27, R31).
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { type ErrorCode, GatewayError, type GatewayErrorOptions } from "../../../src/ir/error.ts";
import {
  createHealth,
  defaultHealth,
  type Health,
  type HealthEvent,
  type Subject,
  refusal,
} from "../../../src/routing/health.ts";
import { useVirtualClock, type VirtualClock } from "./virtual-clock.ts";

let clock: VirtualClock;
let events: HealthEvent[];
let health: Health;

beforeEach(() => {
  clock = useVirtualClock();
  events = [];
  health = createHealth({ onEvent: (event) => events.push(event) });
});
afterEach(() => clock.restore());

const fault = (code: ErrorCode, options: GatewayErrorOptions = {}): GatewayError =>
  new GatewayError(code, code, options);
const down = fault("upstream_unavailable");

const a: Subject = { deployment: "p/a k1", key: "p k1" };
const b: Subject = { deployment: "p/b k1", key: "p k1" };
const c: Subject = { deployment: "q/c" };
const nameOf = new Map([
  [a, "a"],
  [b, "b"],
  [c, "c"],
]);

const fail = (subject: Subject, error: GatewayError, times = 1): void => {
  for (let time = 0; time < times; time += 1) {
    const pass = health.begin(subject, { lastResort: true });
    pass?.failed(error);
    pass?.end();
  }
};
const succeed = (subject: Subject): void => {
  const pass = health.begin(subject, { lastResort: true });
  pass?.answered();
  pass?.end();
};
const arranged = (...subjects: Subject[]): string => {
  const { ready, resting } = health.arrange(subjects, (subject) => subject);
  const names = (list: readonly Subject[]): string => list.map((each) => nameOf.get(each)).join("");
  return `${names(ready)}|${names(resting.map(({ contender }) => contender))}`;
};
const types = (): string => events.map(({ type, scope }) => `${type} ${scope}`).join(", ");

describe("failures", () => {
  test("below the minimum nothing happens", () => {
    fail(a, down, defaultHealth.minimum - 1);
    expect(arranged(a, c)).toBe("ac|");
    expect(events).toEqual([]);
  });

  test("half of at least five within the window open it, once", () => {
    for (let time = 0; time < 3; time += 1) succeed(a);
    fail(a, down, 3);
    fail(a, down, 20);
    expect(arranged(a, b, c)).toBe("bc|a");
    expect(events).toEqual([
      {
        type: "opened",
        scope: "deployment",
        id: a.deployment,
        kind: "failures",
        code: "upstream_unavailable",
        restMs: 5000,
      },
    ]);
  });

  test("a long streak opens whatever went before", () => {
    for (let time = 0; time < 1000; time += 1) succeed(a);
    fail(a, down, defaultHealth.streak - 1);
    expect(arranged(a, c)).toBe("ac|");
    fail(a, down);
    expect(arranged(a, c)).toBe("c|a");
  });

  test("old failures are forgotten", () => {
    fail(a, down, 4);
    clock.nowMs += 31_000;
    succeed(a);
    fail(a, down, 1);
    expect(arranged(a, c)).toBe("ac|");
  });

  test.each(["upstream_timeout", "upstream_invalid", "upstream_unavailable"] as const)(
    "%s counts",
    (code) => {
      fail(a, fault(code), 5);
      expect(arranged(a, c)).toBe("c|a");
    },
  );

  test.each([
    "invalid_request",
    "upstream_rejected",
    "unsupported_feature",
    "client_closed",
    "too_large",
    "internal",
  ] as const)("%s is nobody's failure (R24)", (code) => {
    fail(a, fault(code, { status: 400 }), 50);
    expect(arranged(a, c)).toBe("ac|");
    expect(health.snapshot().every(({ failures }) => failures === 0)).toBe(true);
  });

  test("each attempt's failure counts once (R31)", () => {
    const pass = health.begin(a);
    pass?.failed(down);
    pass?.failed(down);
    pass?.end();
    pass?.failed(down);
    expect(health.snapshot().find(({ id }) => id === a.deployment)).toMatchObject({
      attempts: 1,
      failures: 1,
    });
  });

  test("an error in the middle of the answer counts too (R13)", () => {
    for (let time = 0; time < 10; time += 1) {
      const pass = health.begin(a);
      pass?.answered();
      pass?.failed(down);
      pass?.end();
    }
    expect(arranged(a, c)).toBe("c|a");
  });
});

describe("half-open", () => {
  beforeEach(() => {
    fail(a, down, 5);
    clock.nowMs += 5000;
  });

  test("one probe at a time, closed after two", () => {
    expect(arranged(a, c)).toBe("ac|");
    const probe = health.begin(a);
    expect(probe?.isProbe).toBe(true);
    expect(health.begin(a)).toBeNull();
    expect(arranged(a, c)).toBe("c|a");
    probe?.answered();
    const second = health.begin(a);
    expect(second?.isProbe).toBe(true);
    second?.answered();
    probe?.end();
    second?.end();
    expect(types()).toBe("opened deployment, probing deployment, closed deployment");
    expect(health.begin(a)?.isProbe).toBe(false);
  });

  test("a failed probe rests it twice as long, up to the most", () => {
    for (const restMs of [10_000, 20_000, 30_000, 30_000]) {
      const probe = health.begin(a);
      probe?.failed(down);
      probe?.end();
      expect(events.at(-1)).toMatchObject({ type: "opened", restMs });
      clock.nowMs += restMs - 1;
      expect(arranged(a, c)).toBe("c|a");
      clock.nowMs += 1;
      expect(arranged(a, c)).toBe("ac|");
    }
  });

  test("a probe without a verdict frees the place", () => {
    health.begin(a)?.end();
    expect(health.begin(a)?.isProbe).toBe(true);
  });

  test("a probe that hangs keeps others out only so long", () => {
    health.begin(a);
    clock.nowMs += defaultHealth.probeMs - 1;
    expect(health.begin(a)).toBeNull();
    clock.nowMs += 1;
    expect(health.begin(a)?.isProbe).toBe(true);
  });

  test("a refusal of the request shows that it lives", () => {
    for (let time = 0; time < 2; time += 1) {
      const probe = health.begin(a);
      probe?.failed(fault("upstream_rejected"));
      probe?.end();
    }
    expect(types()).toEndWith("closed deployment");
  });

  test("trouble soon after it closed rests it longer, later not", () => {
    const heal = (): void => {
      succeed(a);
      succeed(a);
    };
    heal();
    fail(a, down, 5);
    expect(events.at(-1)).toMatchObject({ type: "opened", restMs: 10_000 });
    clock.nowMs += 10_000;
    heal();
    clock.nowMs += defaultHealth.stableMs + 1;
    fail(a, down, 5);
    expect(events.at(-1)).toMatchObject({ type: "opened", restMs: 5_000 });
  });
});

test("what began before the breaker opened or closed decides nothing afterwards", () => {
  const old = Array.from({ length: 20 }, () => health.begin(a));
  fail(a, down, 5);
  old[0]?.answered();
  old[1]?.failed(down);
  expect(types()).toBe("opened deployment");
  clock.nowMs += 5000;
  succeed(a);
  succeed(a);
  expect(types()).toEndWith("closed deployment");
  for (const pass of old.slice(2)) pass?.failed(down);
  expect(arranged(a)).toBe("a|");
});

describe("credentials", () => {
  test("a refused key rests every deployment that uses it (R25)", () => {
    fail(a, fault("upstream_auth", { upstream: { status: 402 } }));
    expect(arranged(a, b, c)).toBe("c|ab");
    expect(events[0]).toMatchObject({ scope: "key", id: "p k1", kind: "auth", restMs: 300_000 });
    clock.nowMs += 300_000;
    expect(arranged(a, b, c)).toBe("abc|");
    const probe = health.begin(b);
    expect(health.begin(a)).toBeNull();
    probe?.answered();
    expect(types()).toEndWith("closed key");
  });

  test("a 403 may be about one model", () => {
    fail(a, fault("upstream_auth", { upstream: { status: 403 } }));
    expect(arranged(a, b)).toBe("b|a");
  });

  test("without a key it is the deployment", () => {
    fail(c, fault("upstream_auth"));
    expect(arranged(a, c)).toBe("a|c");
  });
});

describe("rate limits", () => {
  test.each([
    ["says nothing", undefined, 5000],
    ["asks for 20 s", 20_000, 20_000],
    ["asks for a week", 7 * 86_400_000, 600_000],
  ])("one that %s rests %s", (_name, retryAfterMs, restMs) => {
    fail(a, fault("upstream_rate_limited", { retryAfterMs }));
    expect(events[0]).toMatchObject({ kind: "rate-limit", restMs });
    clock.nowMs += restMs - 1;
    expect(arranged(a, b)).toBe("b|a");
    clock.nowMs += 1;
    expect(arranged(a, b)).toBe("ab|");
    succeed(a);
    expect(types()).toEndWith("closed deployment");
  });

  test("0 is no rest", () => {
    fail(a, fault("upstream_rate_limited", { retryAfterMs: 0 }), 9);
    expect(arranged(a)).toBe("a|");
  });

  test("when all rest, the answer is a 429 with the shortest wait (R26); a lone one is always asked", () => {
    fail(a, fault("upstream_rate_limited", { retryAfterMs: 20_000 }));
    fail(c, fault("upstream_rate_limited", { retryAfterMs: 8_000 }));
    clock.nowMs += 1000;
    const identity = (subject: Subject): Subject => subject;
    expect(refusal(health.arrange([a, c], identity))).toMatchObject({
      code: "upstream_rate_limited",
      status: 429,
      retryAfterMs: 7000,
    });
    expect(refusal(health.arrange([a], identity))).toBeNull();
    expect(refusal(health.arrange([a, b], identity))).toBeNull();
    clock.nowMs += 7000;
    expect(refusal(health.arrange([a, c], identity))).toBeNull();
  });
});

describe("nobody is ready", () => {
  test("the least bad goes first: soonest back, refused keys last", () => {
    fail(b, fault("upstream_rate_limited", { retryAfterMs: 60_000 }));
    fail(c, down, 5);
    const d: Subject = { deployment: "r/d", key: "r" };
    nameOf.set(d, "d");
    fail(d, fault("upstream_auth"));
    expect(arranged(d, b, c)).toBe("|cbd");
  });

  test("a lone deployment is asked, and closes as soon as it answers", () => {
    fail(c, down, 10);
    expect(health.begin(c)).toBeNull();
    succeed(c);
    succeed(c);
    expect(arranged(c)).toBe("c|");
    expect(types()).toBe("opened deployment, closed deployment");
  });

  test("last resorts that fail change nothing", () => {
    fail(c, down, 500);
    expect(events.length).toBe(1);
    clock.nowMs += 5000;
    expect(arranged(c)).toBe("c|");
  });
});

test("the snapshot and forgetting", () => {
  fail(a, down, 5);
  clock.nowMs += 1000;
  expect(health.snapshot()).toEqual([
    {
      scope: "deployment",
      id: a.deployment,
      state: "open",
      kind: "failures",
      code: "upstream_unavailable",
      restsForMs: 4000,
      attempts: 5,
      failures: 5,
      sinceMs: clock.nowMs - 1000,
      answeredMsAgo: null,
      lastError: {
        code: "upstream_unavailable",
        message: "upstream_unavailable",
        atMs: clock.nowMs - 1000,
      },
    },
    {
      scope: "key",
      id: "p k1",
      state: "closed",
      restsForMs: 0,
      attempts: 0,
      failures: 0,
      sinceMs: null,
      answeredMsAgo: null,
      lastError: null,
    },
  ]);
  health.reset("deployment", a.deployment);
  expect(arranged(a)).toBe("a|");
});

describe("checks in the background", () => {
  test("a failure rests at once, for as long as the next check takes; successes bring it back", () => {
    health.judge(a, down, 40_000);
    expect(arranged(a, b)).toBe("b|a");
    clock.nowMs += 35_000;
    expect(health.standing(a)).toMatchObject({ state: "open", restsForMs: 5_000 });
    // Another failure prolongs the rest without a word.
    health.judge(a, down, 40_000);
    expect(health.standing(a)).toMatchObject({ state: "open", restsForMs: 40_000, attempts: 0 });
    health.judge(a, null, 0);
    expect(health.standing(a)?.state).toBe("half-open");
    health.judge(a, null, 0);
    expect(health.standing(a)?.state).toBe("closed");
    expect(events.map(({ type }) => type)).toEqual(["opened", "probing", "closed"]);
  });

  test("a success makes no failure of requests smaller", () => {
    for (let index = 0; index < 50; index += 1) health.judge(b, null, 0);
    fail(b, down, 5);
    expect(arranged(b)).toBe("|b");
  });

  test("a refused key rests for all its models", () => {
    health.judge(a, fault("upstream_auth"), 1_000);
    expect(health.snapshot().find(({ scope }) => scope === "key")).toMatchObject({
      state: "open",
      kind: "auth",
    });
  });
});

test("memory is bounded, and what rests is kept", () => {
  health = createHealth({ maxSubjects: 10 });
  fail(a, fault("upstream_auth"));
  for (let index = 0; index < 1000; index += 1) succeed({ deployment: `x ${index}` });
  expect(health.snapshot().length).toBe(10);
  expect(arranged(a)).toBe("|a");
});

test("settings are read anew", () => {
  let minimum = 100;
  health = createHealth({ settings: () => ({ minimum, streak: 100 }) });
  fail(a, down, 5);
  expect(arranged(a)).toBe("a|");
  minimum = 5;
  fail(a, down);
  expect(arranged(a)).toBe("|a");
});
