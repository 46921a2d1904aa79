// Token usage in an answer to a client.
import type { Usage } from "../../ir/usage.ts";
import type { JsonObject } from "../../lib/json.ts";

export const encodeUsage = ({ input, output }: Usage): JsonObject => ({
  input_tokens: input.total,
  input_tokens_details: {
    cached_tokens: input.cacheRead,
    cache_write_tokens: input.cacheWrite5m + input.cacheWrite1h,
  },
  output_tokens: output.total,
  output_tokens_details: { reasoning_tokens: output.reasoning },
  total_tokens: input.total + output.total,
});
