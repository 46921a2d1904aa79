// What a shadow gets in the place of services that remember: it takes nobody's turn and leaves no traces.
import type { Access, Principal } from "../access/authenticate.ts";
import type { Generation, Services } from "./services.ts";

/** What stands in the place of a key in a shadow's usage row. No key can be named so. */
const shadowKey = "(shadow)";

/** The operator pays for copies, whoever's request was copied. */
const nobody: Principal = { key: shadowKey, subjects: [{ kind: "gateway", id: "" }] };

/** Nobody's turn is taken, nobody's conversation is looked for, and nothing waits. */
export function apartFrom({ config, router }: Generation): Generation {
  const access: Access = { authenticate: async () => nobody, as: async () => nobody };
  return {
    access,
    config: {
      ...config,
      affinity: { ...config.affinity, enabled: false },
      queue: { max: 0, maxWaitMs: 0 },
    },
    router: {
      ...router,
      candidates: (name, context) => router.candidates(name, { ...context, byLot: true }),
    },
  };
}

export const noVault: Services["vault"] = {
  observe: () => ({ event: () => {}, keep: () => {} }),
  keep: () => {},
  restore: async (_tenant, request) => request,
};

/** A copy is asked to be compared, so it is answered anew. */
export const noCache: Services["cache"] = {
  find: async () => null,
  keep: () => {},
  flush: async () => {},
};

export const noConversations = ({ conversations }: Services): Services["conversations"] => ({
  ...conversations,
  resume: async (inbound) => inbound,
  watch: () => null,
  find: async () => null,
  close: async () => {},
  remove: async () => {},
});
