// A copy of the repository's sources in which a line is changed, and whether its tests notice.
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const root = join(import.meta.dir, "..", "..");

export interface Mutation {
  name: string;
  /** Below the repository. */
  file: string;
  /** Exactly once in the file. */
  from: string;
  to: string;
  /** The test file that must notice, and which of its tests. */
  test: string;
  only?: string;
}

export interface Mutants {
  /** Runs the tests on the changed copy. */
  run(
    mutation: Mutation | Pick<Mutation, "test" | "only">,
  ): Promise<{ passed: number; failed: number; output: string }>;
  dispose(): void;
}

/** Copies what tests need. */
export function createMutants(): Mutants {
  const folder = mkdtempSync(join(tmpdir(), "megallm-mutants-"));
  for (const part of ["src", "test/support", "test/integration"]) {
    cpSync(join(root, part), join(folder, part), { recursive: true });
  }
  for (const file of ["package.json", "tsconfig.json", "bunfig.toml"]) {
    cpSync(join(root, file), join(folder, file));
  }
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));

  const runTests = async ({ test, only }: Pick<Mutation, "test" | "only">) => {
    const child = Bun.spawn(
      [process.execPath, "test", "--timeout", "10000", test, ...(only ? ["-t", only] : [])],
      { cwd: folder, stdout: "pipe", stderr: "pipe", env: { ...process.env, REPEATS: "1" } },
    );
    const [stdout, stderr] = await Promise.all([
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
      child.exited,
    ]);
    const output = stdout + stderr;
    const count = (word: string): number =>
      Number(new RegExp(`^ *(\\d+) ${word}$`, "m").exec(output)?.[1] ?? 0);
    return { passed: count("pass"), failed: count("fail"), output };
  };

  return {
    async run(mutation) {
      if (!("file" in mutation)) return runTests(mutation);
      const path = join(folder, mutation.file);
      const text = readFileSync(path, "utf8");
      const parts = text.split(mutation.from);
      if (parts.length !== 2) {
        throw new Error(
          `${mutation.file} has the line ${parts.length - 1} times: ${mutation.from}`,
        );
      }
      writeFileSync(path, parts.join(mutation.to));
      try {
        return await runTests(mutation);
      } finally {
        writeFileSync(path, text);
      }
    },
    dispose: () => rmSync(folder, { recursive: true, force: true }),
  };
}
