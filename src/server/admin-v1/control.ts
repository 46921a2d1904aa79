// What the administration API asks of the running gateway, besides its database.
import type { ConfigEditor } from "../../config/editor.ts";
import type { LoadedConfig } from "../../config/load.ts";
import type { ProviderTrial } from "../../egress/try-provider.ts";
import type { HealthReport } from "../../pipeline/health-report.ts";
import type { ListedModel } from "../../routing/listing.ts";

export interface Control {
  health(): HealthReport;
  /** Every name that a client may ask for. */
  models(): Promise<readonly ListedModel[]>;
  /** Asks a provider of the configuration in force, where that says. @throws GatewayError `not_found` */
  tryProvider(name: string): Promise<ProviderTrial>;
  /** What is in force. */
  running(): LoadedConfig;
  /** Resolves when every answer that is to be cached is in the database: what is taken away there does not come back. */
  answersKept(): Promise<void>;
  /** Null: the configuration is a program's. */
  readonly editor: ConfigEditor | null;
  /** Settings that were changed since the start and are taken over at the next one. */
  waiting(): readonly string[];
}
