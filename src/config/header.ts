// HTTP headers as they may stand in the configuration.
import { z } from "zod";

export const headerName = z
  .string()
  .regex(/^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/, "expected a header name")
  .refine(
    (name) =>
      !/^(?:host|content-length|transfer-encoding|connection|keep-alive|upgrade|te|trailer|expect|proxy-.*)$/i.test(
        name,
      ),
    { error: "this header belongs to the connection and cannot be set" },
  );

export const headerValue = z
  .string()
  .regex(/^[\t\x20-\x7e]*$/, "a header value holds printable ASCII characters only");
