// Experiments and shadows as users write them: arms with weights, and models that see a share of the traffic, too.
import { z } from "zod";
import { field } from "./field.ts";
import { parseDollars } from "./price.ts";
import { flag, portion, whole } from "./schema-values.ts";

const name = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/,
    "expected a name of letters, digits and `_.-`, at most 64",
  );

const fewestArms = 2;
const mostArms = 20;

/** Arms are written as deployments are. */
export const experimentOf = <Deployment extends z.ZodType>(deployment: Deployment) =>
  z.strictObject({
    name: field(
      name.optional(),
      "Under which name it is reported. Another name begins anew, and draws users anew.",
      "sonnet-trial",
      { defaultText: "the route's name" },
    ),
    arms: field(
      z.record(name, deployment).superRefine((arms, context) => {
        const count = Object.keys(arms).length;
        if (count >= fewestArms && count <= mostArms) return;
        context.addIssue({ code: "custom", message: "an experiment has 2 to 20 arms" });
      }),
      "What is compared, by name: each a deployment (or `{ route }`) with its `weight`. The others are compared with `control`, or with the one that has most requests.",
      {
        control: { model: "openai/gpt-4o", weight: 90 },
        candidate: { model: "anthropic/claude-sonnet-4-5", weight: 10 },
      },
    ),
    sticky: field(
      z.enum(["user", "session", "none"]).default("none"),
      "Who always gets the same arm: the same end user (`user` in the request), the same conversation, or nobody. A request that names no user is drawn by itself.",
      "user",
    ),
  });

const target = z
  .string()
  .regex(
    /^[^\s*\p{Cc}]{1,200}$/u,
    "expected the name of a route, or `provider/model`, without a `*`",
  );

const dollarMessage = "expected US dollars such as `5` or `$5`";

const dollars = z
  .union([z.number(dollarMessage), z.string(dollarMessage)])
  .transform((value, context) => {
    const nanos = parseDollars(String(value).replace(/^\$/, ""));
    if (nanos !== undefined) return nanos;
    context.addIssue({ code: "custom", message: dollarMessage });
    return z.NEVER;
  })
  .meta({ kind: "dollars" });

const oneShadow = z.strictObject({
  route: field(target, "Where copies go: another route, or `provider/model`.", "candidate"),
  share: field(
    portion,
    "Share of the route's requests that are copied, chosen by their ids.",
    "10%",
  ),
  max_concurrent: field(
    whole(1, 1000).default(4),
    "Copies under way at once; what comes besides is not copied.",
    2,
  ),
  max_cost_per_day: field(
    dollars.optional(),
    "What the copies may cost in one UTC day, in US dollars; only those under way can pass it. With it, a model whose price nobody knows gets no more copies that day.",
    "$5",
    { defaultText: "no limit" },
  ),
  keep_answers: field(flag.default(false), "Keep the texts of both answers for 7 days.", true),
});

/** One, or a list. */
export const shadow = z.union([
  oneShadow.transform((each) => [each]),
  z.array(oneShadow).min(1, "the list is empty").max(10, "10 shadows at most"),
]);
