// 01.AI (Lingyi Wanwu).
import { defineCompatible } from "../compatible.ts";

export const lingyi = defineCompatible({
  id: "lingyi",
  label: "01.AI (Lingyi Wanwu)",
  docs: "https://platform.lingyiwanwu.com/docs",
  env: ["LINGYI_API_KEY"],
  baseUrl: "https://api.lingyiwanwu.com/v1",
  unverified: true,
});
