// Colours for people: on a terminal only, and never against NO_COLOR.
import * as colors from "yoctocolors";

const { env } = process;
const wanted = env["FORCE_COLOR"]
  ? env["FORCE_COLOR"] !== "0"
  : !env["NO_COLOR"] && process.stdout.isTTY && process.stderr.isTTY;

const on = (style: (text: string) => string) => (wanted ? style : (text: string) => text);

export const bold = on(colors.bold);
export const dim = on(colors.dim);
export const red = on(colors.red);
export const green = on(colors.green);
export const yellow = on(colors.yellow);
export const cyan = on(colors.cyan);
export const gray = on(colors.gray);
