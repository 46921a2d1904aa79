// What a path of LiteLLM's is, and what its handler has to work with.
import type { Principal } from "../../access/authenticate.ts";
import type { Actor } from "../../access/permissions.ts";
import type { Config } from "../../config/config.ts";
import type { Router } from "../../routing/router.ts";
import type { ActorSource } from "../admin-v1/actor.ts";
import type { Services } from "../admin-v1/route.ts";

export interface LitellmServices extends Services, ActorSource {
  /** What the newest configuration gives. */
  current(): { config: Config; router: Router };
  authenticate(request: Request): Promise<Principal>;
  ready(): Promise<boolean>;
  /** Who rests, and why. */
  health(): object;
}

/** One call of a path. */
export interface Scene {
  readonly services: LitellmServices;
  readonly actor: Actor;
  /** As the audit log names the actor. */
  readonly by: string;
  /** Of a path that has a name in it. */
  readonly name: string;
  readonly query: Readonly<Record<string, string>>;
  readonly body: Readonly<Record<string, unknown>>;
  /** Told to the caller in a header: a field that is not carried. */
  warn(field: string, reason: string): void;
  /** Asks a route of the administration API as the actor. @throws GatewayError */
  perform(
    method: "GET" | "POST" | "PATCH" | "DELETE",
    path: string,
    asked?: { id?: string; query?: Readonly<Record<string, string>>; body?: unknown },
  ): Promise<unknown>;
}

export interface LitellmRoute {
  readonly method: "GET" | "POST" | "PATCH" | "DELETE";
  /** With at most one name: `/key/{name}/regenerate`. */
  readonly path: string;
  readonly handle: (scene: Scene) => Promise<unknown>;
}

/** What a path without permissions has: any key of the gateway may ask it. */
export interface OpenScene {
  readonly services: LitellmServices;
  /** Null: the admin key. */
  readonly principal: Principal | null;
  readonly query: Readonly<Record<string, string>>;
  readonly body: Readonly<Record<string, unknown>>;
}

export interface OpenRoute {
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly handle: (scene: OpenScene) => Promise<unknown>;
}
