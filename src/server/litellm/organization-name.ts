// The organization of teams that name none: LiteLLM has teams without one, the gateway has not.

/** Its name. It is not shown. */
export const defaultOrganization = "default";
