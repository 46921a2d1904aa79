// Decisions of the administration API: 404 for what an actor may not see, 403 for what it may not do.
import { type Action, type Actor, permits } from "../../access/permissions.ts";
import { refusedFields, type Setting } from "../../access/roles.ts";
import { GatewayError } from "../../ir/error.ts";
import type { Reach } from "./route.ts";

/** Whether the actor may do this to what has this reach. */
export const may = (actor: Actor, action: Action, reach: Reach): boolean =>
  reach.length > 0 &&
  reach.every((targets) => targets.some((target) => permits(actor, action, target)));

/** @throws GatewayError `forbidden` */
export function requirePermission(actor: Actor, action: Action, reach: Reach): void {
  if (!may(actor, action, reach)) throw forbidden(action);
}

export const forbidden = (action: Action): GatewayError =>
  new GatewayError(
    "forbidden",
    `This needs the permission \`${action}\` here, which you do not have.`,
  );

/** @throws GatewayError `not_found`, the same for what is not there and for what is not shown */
export const missing = (what: string): GatewayError =>
  new GatewayError("not_found", `There is no ${what} with this id.`);

/** @throws GatewayError `forbidden`, naming the fields that the actor may not set here */
export function requireFields(actor: Actor, setting: Setting, reach: Reach): void {
  const refused = refusedFields(setting, (action) => may(actor, action, reach));
  if (refused.length === 0) return;
  const names = refused.map((field) => `\`${field}\``).join(", ");
  throw new GatewayError("forbidden", `You may not set ${names} here.`, {
    param: refused[0] ?? "",
  });
}
