// Where alerts go, as users write it.
import { z } from "zod";
import { Secret } from "../lib/secret.ts";
import type { Webhook } from "./config.ts";
import { field } from "./field.ts";
import { serverSecret } from "./schema-values.ts";

const urlMessage = "expected a URL such as `https://hooks.example.com/megallm`";

/** What is wrong with the address of a webhook; null: nothing. */
export function webhookFault(text: string): string | null {
  if (/[\s\\\p{Cc}]/u.test(text)) return "a URL holds no spaces, backslashes or control characters";
  const url = URL.parse(text);
  if (url === null || !/^[a-z]+:\/\/[^/]/i.test(text)) return urlMessage;
  if (url.protocol !== "http:" && url.protocol !== "https:") return "only http and https are used";
  if (url.username !== "" || url.password !== "") return "no credentials in a URL: use `secret`";
  return url.hash === "" ? null : "a webhook's URL has no `#`";
}

const webhookUrl = z.string().superRefine((text, context) => {
  const message = webhookFault(text);
  if (message !== null) context.addIssue({ code: "custom", message });
});

/** What stands behind the standard's prefix is base64: what is none would leave an empty key. (S25) */
const webhookSecret = serverSecret.refine(
  (secret) => {
    const text = secret.reveal();
    return !text.startsWith("whsec_") || /^whsec_[A-Za-z0-9+/]{22,}={0,2}$/.test(text);
  },
  { error: "behind `whsec_` a secret is base64 of at least 16 bytes" },
);

const webhook = z
  .strictObject({
    url: field(
      webhookUrl,
      "Where alerts are posted to as JSON. Redirects are not followed. Addresses of your own network are taken, since it is you who wrote this one.",
      "https://hooks.example.com/megallm",
      { secret: true },
    ),
    secret: field(
      webhookSecret,
      "What they are signed with (HMAC-SHA256), so that the receiver knows whom they are from: see docs/keys.md.",
      "${MEGALLM_WEBHOOK_SECRET}",
      { secret: true },
    ),
  })
  .transform(({ url, secret }): Webhook => ({
    url: new Secret(url),
    place: new URL(url).origin,
    secret,
  }));

export const alerts = z.strictObject({
  webhook: field(
    webhook.optional(),
    "Where alerts are posted to. One that does not arrive is tried again for hours, also after a restart.",
    {
      url: "https://hooks.example.com/megallm",
      secret: "${MEGALLM_WEBHOOK_SECRET}",
    },
    { defaultText: "nowhere" },
  ),
});
