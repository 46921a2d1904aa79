// The demo provider's errors, in OpenAI's shape.

/** Ends the request with an error answer. https://platform.openai.com/docs/guides/error-codes */
export class DemoFailure extends Error {
  override readonly name = "DemoFailure";
  readonly status: number;
  readonly type: string;
  readonly param: string | null;
  readonly code: string | null;

  constructor(
    status: number,
    message: string,
    detail: { type?: string; param?: string; code?: string } = {},
  ) {
    super(message);
    this.status = status;
    this.type = detail.type ?? (status >= 500 ? "server_error" : "invalid_request_error");
    this.param = detail.param ?? null;
    this.code = detail.code ?? null;
  }
}

/** A 400 that names the parameter. */
export const invalid = (message: string, param: string, code?: string): DemoFailure =>
  new DemoFailure(400, message, { param, ...(code === undefined ? {} : { code }) });

export function failureResponse(failure: DemoFailure): Response {
  const { status, message, type, param, code } = failure;
  const headers = status === 429 || status === 503 ? { "retry-after": "1" } : undefined;
  return Response.json({ error: { message, type, param, code } }, { status, headers });
}

const known: Readonly<Record<number, { message: string; type?: string; code?: string }>> = {
  400: { message: "The request was rejected, as asked for." },
  401: { message: "Incorrect API key provided.", code: "invalid_api_key" },
  402: { message: "Payment is required.", code: "insufficient_quota" },
  403: { message: "The project may not use this model.", code: "model_not_allowed" },
  404: { message: "The model does not exist.", code: "model_not_found" },
  429: { message: "Rate limit reached.", type: "requests", code: "rate_limit_exceeded" },
  500: { message: "The server had an error while processing your request." },
  503: {
    message: "The engine is overloaded, please try again later.",
    type: "service_unavailable",
  },
};

/** What `error-<status>` answers. */
export function plannedFailure(status: number): DemoFailure {
  const { message, ...detail } = known[status] ?? { message: `Status ${status}, as asked for.` };
  return new DemoFailure(status, message, detail);
}
