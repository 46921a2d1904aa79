// The admin key, which LiteLLM's clients call the master key, at paths that other keys may ask as well.
import { createHash, timingSafeEqual } from "node:crypto";
import { presentedKey } from "../../access/authenticate.ts";
import { GatewayError } from "../../ir/error.ts";
import type { ActorSource } from "../admin-v1/actor.ts";

const digest = (text: string): Buffer => createHash("sha256").update(text).digest();

/** Whether the request comes with it. */
export function isAdminKey(request: Request, { adminKey }: Pick<ActorSource, "adminKey">): boolean {
  let presented: string | null;
  try {
    presented = presentedKey(request.headers);
  } catch (error) {
    // Whoever is asked next says what is wrong with it.
    if (error instanceof GatewayError) return false;
    throw error;
  }
  return presented !== null && timingSafeEqual(digest(presented), digest(adminKey().reveal()));
}
