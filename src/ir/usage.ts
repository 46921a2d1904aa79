// Token usage, counted the same way whatever the provider's own spelling.

/**
 * Tokens of one request. `input.total` includes cached tokens exactly once: the uncached part is
 * `total - cacheRead - cacheWrite5m - cacheWrite1h`. `output.total` includes reasoning.
 */
export interface Usage {
  input: {
    total: number;
    cacheRead: number;
    cacheWrite5m: number;
    cacheWrite1h: number;
    audio: number;
    /** Of pictures, where the provider tells them apart. */
    image?: number;
    /** Of sound, where that is what is counted. */
    seconds?: number;
  };
  output: { total: number; reasoning: number; audio: number; image?: number };
  /** Calls of tools that the provider ran itself, by the provider's name for them, e.g. `{ web_search: 2 }`. */
  serverTools: Record<string, number>;
  /** True when the gateway counted because the provider did not say. */
  estimated?: boolean;
  /** The provider's own usage object, untouched. */
  raw?: unknown;
}

export function createUsage(
  input: Partial<Usage["input"]> = {},
  output: Partial<Usage["output"]> = {},
): Usage {
  return {
    input: { total: 0, cacheRead: 0, cacheWrite5m: 0, cacheWrite1h: 0, audio: 0, ...input },
    output: { total: 0, reasoning: 0, audio: 0, ...output },
    serverTools: {},
  };
}

/** What two answers used together; of `raw` only the last one's can be told. */
export function sumUsage(one: Usage, other: Usage): Usage {
  const sum = <Counts extends Partial<Record<string, number>>>(
    left: Counts,
    right: Counts,
  ): Counts => {
    const total: Partial<Record<string, number>> = { ...left };
    for (const [kind, count] of Object.entries(right)) {
      total[kind] = (total[kind] ?? 0) + (count ?? 0);
    }
    return total as Counts;
  };
  return {
    input: sum(one.input, other.input),
    output: sum(one.output, other.output),
    serverTools: sum(one.serverTools, other.serverTools),
    ...((one.estimated || other.estimated) && { estimated: true }),
    ...(other.raw !== undefined && { raw: other.raw }),
  };
}

/** A provider's token count as a non-negative integer; anything else (null, text, negative, fractional garbage) is 0. */
export function tokenCount(value: unknown): number {
  return typeof value === "number" && Number.isFinite(value) && value > 0 ? Math.trunc(value) : 0;
}
