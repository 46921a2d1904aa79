// Finding the file: the stated places in their order, never the current directory (S07).
import { afterAll, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { locateConfig } from "../../../src/config/locate.ts";

const root = mkdtempSync(join(tmpdir(), "megallm-locate-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const home = join(root, "home");
const cwd = join(root, "checkout");
const xdg = join(root, "xdg");
for (const folder of [home, cwd, xdg]) mkdirSync(folder);

const write = (path: string): string => {
  mkdirSync(join(path, ".."), { recursive: true });
  writeFileSync(path, "{}");
  return path;
};
const without = { env: {}, cwd, home };

test("without any file the built-in configuration applies", () => {
  if (existsSync("/etc/megallm")) return console.log("skipped: this machine has /etc/megallm");
  expect(locateConfig(without)).toEqual({ path: null });
});

test("a file in the current directory is only mentioned (S07)", () => {
  write(join(cwd, "megallm.yaml"));
  const { path, hint } = locateConfig(without);
  expect(path).not.toBe(join(cwd, "megallm.yaml"));
  expect(hint).toBe("found ./megallm.yaml, not used; start with --config ./megallm.yaml");
});

test("the home folder, then XDG_CONFIG_HOME, then MEGALLM_CONFIG, then --config go first", () => {
  const inHome = write(join(home, ".config/megallm/megallm.json"));
  expect(locateConfig(without).path).toBe(inHome);
  const yaml = write(join(home, ".config/megallm/megallm.yaml"));
  expect(locateConfig(without).path).toBe(yaml);
  const inXdg = write(join(xdg, "megallm/megallm.yml"));
  expect(locateConfig({ ...without, env: { XDG_CONFIG_HOME: xdg } }).path).toBe(inXdg);
  expect(locateConfig({ ...without, env: { XDG_CONFIG_HOME: "relative" } }).path).toBe(yaml);
  const named = write(join(root, "named.yaml"));
  const env = { XDG_CONFIG_HOME: xdg, MEGALLM_CONFIG: named };
  expect(locateConfig({ ...without, env })).toEqual({ path: named });
  expect(locateConfig({ ...without, env, flag: "./megallm.yaml" })).toEqual({
    path: join(cwd, "megallm.yaml"),
  });
  expect(locateConfig({ ...without, env: { MEGALLM_CONFIG: "" } }).path).toBe(yaml);
});

test("a file that was named and is not there is a problem, and nothing else is taken", () => {
  const missing = locateConfig({ ...without, flag: "gone.yaml" });
  expect(missing.path).toBe(join(cwd, "gone.yaml"));
  expect(missing.error).toMatchObject({ file: "gone.yaml", message: "the file does not exist" });
  expect(missing.error?.hint).toContain("megallm init");
  const env = { MEGALLM_CONFIG: "/nowhere/megallm.yaml" };
  expect(locateConfig({ ...without, env }).error?.hint).toContain("MEGALLM_CONFIG");
});

test("the file that is used is not called unused, wherever the command was started", () => {
  const folder = join(home, ".config/megallm");
  expect(locateConfig({ env: {}, cwd: folder, home })).toEqual({
    path: join(folder, "megallm.yaml"),
  });
});
