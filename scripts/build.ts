// Builds `dist/megallm`, one executable that needs neither Node nor Bun. `--all` builds every target.
import { chmod, mkdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readVocabulary } from "../src/catalog/load-tokenizer.ts";
import { packVocabulary } from "../src/catalog/vocabulary.ts";

const root = join(import.meta.dir, "..");
const dist = join(root, "dist");

/** Runtime packages on the package registry, by the name we give the executable. */
const targets: Record<string, string> = {
  "linux-x64": "@oven/bun-linux-x64",
  "linux-arm64": "@oven/bun-linux-aarch64",
  "linux-x64-musl": "@oven/bun-linux-x64-musl",
  "linux-arm64-musl": "@oven/bun-linux-aarch64-musl",
  "darwin-x64": "@oven/bun-darwin-x64",
  "darwin-arm64": "@oven/bun-darwin-aarch64",
  "windows-x64": "@oven/bun-windows-x64",
  "windows-arm64": "@oven/bun-windows-aarch64",
};

// The flags keep a hostile working directory from being read by the executable (faults M01, S07).
const flags = [
  "build",
  "--compile",
  "--minify",
  "--bytecode",
  // What is imported when it is needed lies in a file of its own, and is not read before.
  "--splitting",
  "--format=esm",
  "--no-compile-autoload-dotenv",
  "--no-compile-autoload-bunfig",
  "--no-compile-autoload-tsconfig",
  "--no-compile-autoload-package-json",
];

/** Carried by the executable under this name, which `load-tokenizer.ts` looks for. */
const vocabulary = join(dist, "o200k.bin");

async function run(command: string[], cwd = root): Promise<void> {
  const child = Bun.spawn(command, { cwd, stdout: "pipe", stderr: "pipe" });
  const [code, out, error] = await Promise.all([
    child.exited,
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  if (code !== 0) throw new Error(`\`${command.join(" ")}\` failed (${code}):\n${out}${error}`);
}

async function compile(outfile: string, extra: string[] = []): Promise<void> {
  const started = performance.now();
  await run([
    process.execPath,
    ...flags,
    ...extra,
    "src/main.ts",
    vocabulary,
    `--outfile=${outfile}`,
  ]);
  await chmod(outfile, 0o755);
  const megabytes = (Bun.file(outfile).size / 1e6).toFixed(1);
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(
    `${outfile.slice(root.length + 1).padEnd(32)} ${megabytes.padStart(6)} MB  ${seconds} s`,
  );
}

/** Fetches a target's runtime with npm (a package, not a download page) and returns the path of its executable. */
async function runtimeOf(name: string, folder: string): Promise<string> {
  const target = join(folder, name);
  await mkdir(target, { recursive: true });
  await run([
    "npm",
    "pack",
    "--silent",
    `${targets[name]}@${Bun.version}`,
    "--pack-destination",
    target,
  ]);
  const [archive] = [...new Bun.Glob("*.tgz").scanSync(target)];
  if (!archive) throw new Error(`the registry gave no package for ${name}`);
  await run(["tar", "xzf", archive], target);
  return join(target, "package", "bin", name.startsWith("windows") ? "bun.exe" : "bun");
}

await mkdir(dist, { recursive: true });
await Bun.write(vocabulary, await packVocabulary(await readVocabulary()));
if (!process.argv.includes("--all")) {
  await compile(join(dist, "megallm"));
} else {
  const folder = join(tmpdir(), `megallm-runtimes-${process.pid}`);
  try {
    for (const name of Object.keys(targets)) {
      const outfile = join(dist, `megallm-${name}${name.startsWith("windows") ? ".exe" : ""}`);
      const runtime = await runtimeOf(name, folder);
      await chmod(runtime, 0o755);
      await compile(outfile, [
        `--target=bun-${name.replace("arm64", "aarch64")}`,
        `--compile-executable-path=${runtime}`,
      ]);
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
await rm(vocabulary);
