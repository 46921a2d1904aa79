// Fields that another wire may leave out without a word: nothing is lost, and warnings about them would hide real losses.

/** In answers: how the answer was made, nothing of what it says. Almost every answer has them. */
const bookkeeping: ReadonlySet<string> = new Set([
  "service_tier",
  "system_fingerprint",
  // Ollama: how long the parts of its work took, in nanoseconds.
  "total_duration",
  "load_duration",
  "prompt_eval_duration",
  "eval_duration",
  // Bedrock Converse: latency, and how the request was served.
  "metrics",
  "performanceConfig",
  "serviceTier",
]);

/** True for a field of an answer that no client of another wire misses. In requests the same name can be a wish. */
export const isBookkeeping = (field: string): boolean => bookkeeping.has(field);

/** In tools: the arguments are streamed as they are made, which all other wires do anyway. */
const metUnasked: ReadonlySet<string> = new Set(["eager_input_streaming"]);

/** True for a field of a tool that asks for what other wires do unasked. */
export const isMetUnasked = (field: string): boolean => metUnasked.has(field);
