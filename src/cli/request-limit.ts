// The runtime lets 256 outgoing requests run at once unless this variable is there when it starts.

const variable = "BUN_CONFIG_MAX_HTTP_REQUESTS";
/** The highest value the runtime takes. */
const highest = "65535";

/** Whether a command line starts the gateway: nothing else asks so much at once, or has to start so fast. */
export function isServing(argv: readonly string[]): boolean {
  const [word = "serve"] = argv;
  if (word === "serve") return true;
  return word.startsWith("-") && !argv.some((option) => answers.has(option));
}

/** Options that say something instead. */
const answers = new Set(["-h", "--help", "-V", "--version"]);

/** Replaces this process by itself with the variable set; same pid, about 2 ms. Nothing happens the second time. */
export function raiseRequestLimit(): void {
  if (process.env[variable] || typeof process.execve !== "function") return;
  const env = Object.fromEntries(
    Object.entries({ ...process.env, [variable]: highest }).filter(
      (entry): entry is [string, string] => entry[1] !== undefined,
    ),
  );
  // A compiled executable lists its virtual entry as the second argument and adds it again by itself.
  const compiled =
    process.argv[1]?.startsWith("/$bunfs/") || process.argv[1]?.startsWith("B:\\~BUN");
  const argv = compiled
    ? [process.execPath, ...process.argv.slice(2)]
    : [process.execPath, ...process.execArgv, ...process.argv.slice(1)];
  try {
    process.execve(process.execPath, argv, env);
  } catch {
    // Where a process cannot be replaced (Windows), the default limit stays.
  }
}
