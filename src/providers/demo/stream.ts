// Server-sent events from a generator, ended with `[DONE]`, given up when nobody listens.

/** Each value is one `data:` line of JSON. */
export function eventStream(
  events: AsyncGenerator<unknown, void, void>,
  signal: AbortSignal,
): Response {
  const encoder = new TextEncoder();
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const next = signal.aborted ? undefined : await events.next();
      if (next === undefined) {
        controller.error(signal.reason);
        return;
      }
      const data = next.done ? "[DONE]" : JSON.stringify(next.value);
      controller.enqueue(encoder.encode(`data: ${data}\n\n`));
      if (next.done) controller.close();
    },
    async cancel() {
      await events.return();
    },
  });
  return new Response(body, {
    headers: { "content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache" },
  });
}

/** Text in the pieces it is streamed in: words with the white space behind them. */
export const wordsOf = (text: string): readonly string[] => text.match(/^\s+|\S+\s*/g) ?? [];

/** Resolves early, without an error, when `signal` aborts. */
export function sleep(ms: number, signal: AbortSignal): Promise<void> {
  if (ms <= 0 || signal.aborted) return Promise.resolve();
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  const stop = (): void => {
    clearTimeout(timer);
    resolve();
  };
  signal.addEventListener("abort", stop, { once: true });
  return promise.finally(() => signal.removeEventListener("abort", stop));
}
