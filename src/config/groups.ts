// Routes in the place of deployments.
import type { Path } from "../lib/json.ts";
import type { Group } from "./config.ts";
import type { ParsedDeployment } from "./experiments.ts";
import { didYouMean, formatPath, quoted } from "./problems.ts";
import type { Resolution } from "./providers.ts";
import type { ParsedConfig } from "./schema.ts";

/** What a policy looks at. */
export const standingOf = ({ weight, order, quality, tags }: ParsedDeployment) => ({
  weight: weight ?? 1,
  order: order ?? 0,
  ...(quality === undefined ? {} : { quality }),
  ...(tags === undefined ? {} : { tags }),
});

/** What only a provider's model can have. */
const ownFields = [
  "key",
  "region",
  "unsupported",
  "allow_params",
  "drop_params",
  "extra_body",
  "extra_headers",
  "max_concurrent",
  "health_check",
] as const;

/** Another route in the place of a deployment; undefined after a problem. */
export function resolveGroup(
  written: ParsedDeployment,
  {
    table,
    place,
    resolution,
  }: { table: ParsedConfig["models"]; place: Path; resolution: Resolution },
): Group | undefined {
  const { route, model } = written;
  if (route === undefined || model !== undefined) {
    const isMissing = route === undefined;
    resolution.problem(
      place,
      isMissing
        ? `\`model\` is missing in ${formatPath(place)}`
        : "a deployment is a `model` or a `route`, not both",
      isMissing ? "write `model: provider/model`, or name a `route`" : "remove one of them",
    );
    return undefined;
  }
  const [extra] = [
    ...ownFields.filter((name) => written[name] !== undefined),
    ...(Object.keys(written.timeouts).length > 0 ? ["timeouts"] : []),
  ];
  if (extra !== undefined) {
    resolution.problem(
      [...place, extra],
      `\`${extra}\` has no meaning where \`route\` says who answers`,
      `write it at the deployments of ${quoted(route)}`,
      "key",
    );
    return undefined;
  }
  if (Object.hasOwn(table, route) && !route.includes("*")) return { route, ...standingOf(written) };
  const names = Object.keys(table).filter((name) => name !== place[1] && !name.includes("*"));
  resolution.problem(
    [...place, "route"],
    route.includes("*")
      ? `${quoted(route)} holds a \`*\`, and a group is one route`
      : `no route is named ${quoted(route)}`,
    didYouMean(route, names) ?? "add it under `models`, or write `model: provider/model`",
  );
  return undefined;
}
