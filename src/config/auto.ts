// What a route says of `policy: auto`, with its tiers known.
import type { Path } from "../lib/json.ts";
import { type Deployment, type Group, isGroup, type Pin, type Route } from "./config.ts";
import type { Resolution } from "./providers.ts";
import { quoted } from "./problems.ts";
import type { ParsedPin } from "./schema-auto.ts";

interface Written {
  readonly policy: string;
  readonly slider?: number | undefined;
  readonly thresholds?: readonly number[] | undefined;
  readonly hysteresis?: number | undefined;
  readonly pins?: readonly ParsedPin[] | undefined;
}

type Auto = Pick<Route, "slider" | "thresholds" | "hysteresis" | "pins">;

const names = ["slider", "thresholds", "hysteresis", "pins"] as const;

/** @param isWhole whether all of the route's deployments are known; otherwise its tiers may not be */
export function readAuto(
  entry: Written,
  place: { at: Path; deployments: readonly (Deployment | Group)[]; isWhole: boolean },
  resolution: Resolution,
): Auto {
  const { at, deployments, isWhole } = place;
  const { slider, thresholds, hysteresis, pins } = entry;
  if (entry.policy !== "auto") {
    for (const name of names.filter((each) => each !== "slider" && entry[each] !== undefined)) {
      resolution.warning(
        [...at, name],
        `\`${name}\` has no effect under \`policy: ${entry.policy}\` unless a request asks for \`auto\``,
        "set `policy: auto`",
      );
    }
  }
  const tiers = [...new Set(deployments.map(({ quality }) => quality ?? 0))].toSorted(
    (one, other) => one - other,
  );
  if (thresholds && isWhole) checkThresholds(thresholds, tiers, at, resolution);
  const read = pins?.flatMap((pin, index) => {
    const found = readPin(pin, [...at, "pins", index], { tiers, ...place }, resolution);
    return found ? [found] : [];
  });
  return {
    ...(slider !== undefined && { slider }),
    ...(thresholds && { thresholds }),
    ...(hysteresis !== undefined && { hysteresis }),
    ...(read && { pins: read }),
  };
}

function checkThresholds(
  thresholds: readonly number[],
  tiers: readonly number[],
  at: Path,
  resolution: Resolution,
): void {
  const place = [...at, "thresholds"];
  if (thresholds.length !== tiers.length - 1) {
    resolution.problem(
      place,
      `${thresholds.length} thresholds part ${thresholds.length + 1} tiers, and the deployments have ${tiers.length} values of \`quality\``,
      `write ${tiers.length - 1}`,
    );
  } else if (thresholds.some((value, index) => value <= (thresholds[index - 1] ?? -1))) {
    resolution.problem(place, "the thresholds do not ascend", "write the smallest first");
  }
}

function readPin(
  pin: ParsedPin,
  at: Path,
  {
    deployments,
    isWhole,
    tiers,
  }: { deployments: readonly (Deployment | Group)[]; isWhole: boolean; tiers: readonly number[] },
  resolution: Resolution,
): Pin | undefined {
  const { text, tag, metadata, tool, tier, quality, model } = pin;
  if ([text, tag, metadata, tool].every((each) => each === undefined)) {
    resolution.problem(
      at,
      "the pin names nothing that requests could have",
      "add `text`, `tag`, `metadata` or `tool`",
    );
    return undefined;
  }
  if ([tier, quality, model].filter((each) => each !== undefined).length !== 1) {
    resolution.problem(at, "the pin must name one `tier`, one `quality` or one `model`");
    return undefined;
  }
  const matcher = {
    ...(text && { text }),
    ...(tag !== undefined && { tag }),
    ...(metadata && { metadata }),
    ...(tool !== undefined && { tool }),
  };
  const report = (name: "tier" | "quality" | "model", message: string, hint: string): undefined => {
    if (isWhole) resolution.problem([...at, name], message, hint);
  };
  if (model !== undefined) {
    const found = deployments.find((each) => nameOf(each) === model);
    if (found) return { ...matcher, quality: found.quality ?? 0, model };
    return report(
      "model",
      `${quoted(model)} is not a deployment of this route`,
      "write it as it stands in `deployments`",
    );
  }
  const wanted = quality ?? tiers[(tier ?? 0) - 1];
  if (wanted !== undefined && tiers.includes(wanted)) return { ...matcher, quality: wanted };
  return tier === undefined
    ? report("quality", `no deployment has the quality ${quality}`, `one of ${tiers.join(", ")}`)
    : report(
        "tier",
        `there are ${tiers.length} tiers`,
        "each `quality` among the deployments is one",
      );
}

/** As it is written. */
const nameOf = (each: Deployment | Group): string =>
  isGroup(each) ? each.route : `${each.provider}/${each.model}`;
