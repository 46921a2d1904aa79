// Jan, on this machine.
import { defineCompatible } from "../compatible.ts";

export const jan = defineCompatible({
  id: "jan",
  label: "Jan",
  docs: "https://www.jan.ai/docs/desktop/api-server",
  baseUrl: "http://127.0.0.1:1337/v1",
  local: true,
});
