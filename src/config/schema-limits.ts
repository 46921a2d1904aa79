// Budgets and rate limits as users write them: at the keys of the configuration, and for the gateway as a whole.
import { z } from "zod";
import { isTimeZone } from "../lib/windows.ts";
import { budgetWindows, limitUnits, limitWindows } from "../store/directory-types.ts";
import { field } from "./field.ts";
import { dollars, flag, portion, price, whole } from "./schema-values.ts";

/** Shares of a budget whose spending raises an alert, where nobody says which. */
const alertAt = [0.8, 1] as const;

export const budget = z.union([
  dollars.transform((amount) => ({
    amount,
    window: "total" as const,
    zone: "UTC",
    aligned: true,
    alert_at: [...alertAt],
  })),
  z.strictObject({
    amount: field(dollars, "US dollars.", "10"),
    window: field(
      z.enum(budgetWindows).default("total"),
      "How long it lasts until it begins anew: an hour, a day, a week, a month, or never.",
      "1M",
    ),
    zone: field(
      z
        .string()
        .refine((name) => isTimeZone(name), "expected an IANA time zone such as `Europe/Berlin`")
        .default("UTC"),
      "The time zone whose hours, days, weeks (from Monday) and months count.",
      "Europe/Berlin",
    ),
    aligned: field(
      flag.default(true),
      "With the calendar; else windows of that length, one after the other.",
      false,
    ),
    alert_at: field(
      z
        .array(portion.refine((share) => share > 0, "expected a share above 0"))
        .max(20)
        .default([...alertAt]),
      "Shares of the amount that raise an alert once they are spent, once in each window: see `alerts`. An empty list raises none.",
      ["50%", "80%"],
      { defaultText: "80% and 100%" },
    ),
  }),
]);

export const budgetText =
  "What may be spent: an amount in US dollars, or a map. It cannot be overrun: what a request can cost at most is set aside before it is sent.";

const limitNames = limitUnits.flatMap((unit) =>
  unit === "parallel" ? [unit] : limitWindows.map((window) => `${unit}_per_${window}` as const),
);

const most = whole(0, 1_000_000_000_000).optional();

export const limits = z.strictObject(
  Object.fromEntries(
    limitNames.map((name) => [
      name,
      field(
        most,
        name === "parallel"
          ? "Requests at once."
          : `${name.replaceAll("_", " ").replace(/^./, (letter) => letter.toUpperCase())}, in a window that slides.`,
        name === "parallel" ? 10 : 1_000,
        { defaultText: "no limit" },
      ),
    ]),
  ) as Record<(typeof limitNames)[number], z.ZodOptional<ReturnType<typeof whole>>>,
);

export const limitsText =
  "Rate limits. A request that is refused for one counts for none; the answer says when to come back.";

export const budgets = z.strictObject({
  gateway: field(
    budget.optional(),
    `${budgetText} For all requests together.`,
    {
      amount: "500",
      window: "1M",
    },
    { defaultText: "no limit" },
  ),
  max_tool_calls: field(
    whole(1, 1_000).default(10),
    "How often tools that a provider runs and charges for by the call (web search, file search) may be called for one request of a key with a budget, where the request does not say it. It is what is set aside, and it is sent along where the API can say it: `max_uses` of Anthropic's tools, `max_tool_calls` of OpenAI's Responses.",
    5,
  ),
  default_price: field(
    price.optional(),
    "What models cost whose price nobody knows, and by `request` what is passed through unread. Without it, such requests are refused for keys with a budget.",
    { input: "5", output: "25", request: "0.10" },
    { defaultText: "none" },
  ),
});
