// Watching: every way in which files get replaced is noticed once, and nothing else is.
import { afterAll, expect, test } from "bun:test";
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type FileMarks, fileMark } from "../../../src/lib/file-mark.ts";
import type { FileWatch } from "../../../src/config/watch.ts";
import { watchFiles } from "../../../src/config/watch.ts";

const root = mkdtempSync(join(tmpdir(), "megallm-watch-"));
const open: FileWatch[] = [];
afterAll(() => {
  for (const watch of open) watch.close();
  rmSync(root, { recursive: true, force: true });
});

let folders = 0;
function folder(): string {
  folders += 1;
  const path = join(root, String(folders));
  mkdirSync(path);
  return path;
}

const marksOf = (paths: string[]): FileMarks =>
  new Map(paths.map((path) => [path, fileMark(path)]));

/** Watches, and gives what resolves at the next change. */
function observe(paths: string[]) {
  const calls: string[][] = [];
  let wake: (() => void) | undefined;
  const watch = watchFiles(marksOf(paths), (changed) => {
    calls.push(changed);
    wake?.();
  });
  open.push(watch);
  const next = async (): Promise<string[]> => {
    const deadline = Date.now() + 8_000;
    while (calls.length === 0 && Date.now() < deadline) {
      await new Promise<void>((resolve) => {
        wake = resolve;
        setTimeout(resolve, 200);
      });
    }
    return calls.shift() ?? [];
  };
  return { watch, calls, next };
}

const quiet = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

test("an edit, and several at once as one", async () => {
  const path = join(folder(), "a.yaml");
  writeFileSync(path, "1");
  const { next, calls } = observe([path]);
  for (let index = 0; index < 5; index += 1) writeFileSync(path, `edit ${index}`);
  expect(await next()).toEqual([path]);
  await quiet(300);
  expect(calls).toEqual([]);
});

test("a replacement by rename, twice, as editors do", async () => {
  const place = folder();
  const path = join(place, "a.yaml");
  writeFileSync(path, "1");
  const { next } = observe([path]);
  for (const text of ["2", "3"]) {
    writeFileSync(join(place, ".a.yaml.swp"), text);
    renameSync(join(place, ".a.yaml.swp"), path);
    expect(await next()).toEqual([path]);
    expect(readFileSync(path, "utf8")).toBe(text);
  }
});

test("a swap behind a link, as Kubernetes mounts change", async () => {
  const place = folder();
  for (const version of ["v1", "v2"]) {
    mkdirSync(join(place, version));
    writeFileSync(join(place, version, "secret"), "same size");
  }
  symlinkSync("v1", join(place, "..data"));
  symlinkSync("..data/secret", join(place, "secret"));
  const { next } = observe([join(place, "secret")]);
  symlinkSync("v2", join(place, "..data_tmp"));
  renameSync(join(place, "..data_tmp"), join(place, "..data"));
  expect(await next()).toEqual([join(place, "secret")]);
});

test("deletion and re-creation, of the folder too", async () => {
  const place = folder();
  const path = join(place, "a.yaml");
  writeFileSync(path, "1");
  const { next } = observe([path]);
  rmSync(place, { recursive: true });
  expect(await next()).toEqual([path]);
  mkdirSync(place);
  writeFileSync(path, "2");
  expect(await next()).toEqual([path]);
  await quiet(2_300);
  writeFileSync(path, "3!");
  expect(await next()).toEqual([path]);
}, 30_000);

test("nothing when a neighbour changes, or after closing", async () => {
  const place = folder();
  const path = join(place, "a.yaml");
  writeFileSync(path, "1");
  const { watch, calls } = observe([path]);
  writeFileSync(join(place, "b.yaml"), "1");
  await quiet(300);
  expect(calls).toEqual([]);
  watch.close();
  writeFileSync(path, "2");
  await quiet(300);
  expect(calls).toEqual([]);
});

test("other files after an update, and no change lost across it", async () => {
  const place = folder();
  const [first, second] = [join(place, "a"), join(place, "b")];
  writeFileSync(first, "1");
  const { watch, next } = observe([first]);
  writeFileSync(first, "22");
  watch.update(marksOf([first, second]));
  expect(await next()).toEqual([first]);
  writeFileSync(second, "new");
  expect(await next()).toEqual([second]);
});

test("a change between reading a file and watching it", async () => {
  const [early, late] = [join(folder(), "a"), join(folder(), "b")];
  writeFileSync(early, "1");
  writeFileSync(late, "1");
  const read = marksOf([early, late]);
  writeFileSync(early, "22");
  const changes: string[][] = [];
  const watch = watchFiles(new Map([...read].slice(0, 1)), (changed) => changes.push(changed));
  open.push(watch);
  await quiet(400);
  expect(changes).toEqual([[early]]);
  writeFileSync(late, "22");
  watch.update(read);
  await quiet(400);
  expect(changes).toEqual([[early], [late]]);
});

test("does not keep a process alive", async () => {
  const module = new URL("../../../src/config/watch.ts", import.meta.url).pathname;
  const script = `import { watchFiles } from ${JSON.stringify(module)}; watchFiles(new Map([[${JSON.stringify(join(root, "x"))}, ""]]), () => {});`;
  const child = Bun.spawn([process.execPath, "-e", script], { stdout: "ignore", stderr: "pipe" });
  expect(await child.exited).toBe(0);
  expect(await new Response(child.stderr).text()).toBe("");
}, 15_000);
