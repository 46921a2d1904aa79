// Every route of the administration API, in the order of the reference.
import { alertRoutes } from "./alerts.ts";
import { auditRoutes } from "./audit.ts";
import { budgetRoutes } from "./budgets.ts";
import { cacheRoutes } from "./cache.ts";
import { configRoutes } from "./config.ts";
import { dataRoutes } from "./data.ts";
import { entryRoutes } from "./config-entries.ts";
import { healthRoutes } from "./health.ts";
import { keyRoutes } from "./keys.ts";
import { ledgerRoutes } from "./ledger.ts";
import { ledgerResolveRoutes } from "./ledger-resolve.ts";
import { limitRoutes } from "./limits.ts";
import { membershipRoutes } from "./memberships.ts";
import { organizationRoutes } from "./organizations.ts";
import { requestRoutes } from "./requests.ts";
import { roleRoutes } from "./roles.ts";
import type { AdminRoute } from "./route.ts";
import { spendingRoutes } from "./spending.ts";
import { statusRoutes } from "./status.ts";
import { teamRoutes } from "./teams.ts";
import { usageRoutes } from "./usage.ts";
import { userRoutes } from "./users.ts";

export const adminRoutes: readonly AdminRoute[] = [
  ...organizationRoutes,
  ...teamRoutes,
  ...userRoutes,
  ...membershipRoutes,
  ...keyRoutes,
  ...budgetRoutes,
  ...spendingRoutes,
  ...alertRoutes,
  ...limitRoutes,
  ...auditRoutes,
  ...roleRoutes,
  ...statusRoutes,
  ...healthRoutes,
  ...usageRoutes,
  ...requestRoutes,
  ...dataRoutes,
  ...ledgerRoutes,
  ...cacheRoutes,
  ...ledgerResolveRoutes,
  ...entryRoutes,
  ...configRoutes,
];
