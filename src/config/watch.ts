// Notices when files change, however they are replaced.
import type { FSWatcher } from "node:fs";
import { realpathSync, statSync, watch } from "node:fs";
import { dirname } from "node:path";
import { type FileMarks, fileMark } from "../lib/file-mark.ts";

export interface FileWatch {
  close(): void;
  /** Watches these files from now on. Those watched already keep the state they were last seen in, so no change is lost. */
  update(files: FileMarks): void;
}

/** Editors write, rename and touch within this time. */
const debounceMs = 100;
/** The safety net for file systems that send no events (network mounts, some containers). */
const pollMs = 2_000;

/**
 * Calls `onChange` with the paths whose content may have changed: edited in place, replaced by rename,
 * deleted, made again, or swapped behind a symbolic link as Kubernetes does for mounted secrets.
 * Events only say when to look; what counts is each file's identity, size and times.
 * A file that changed since its mark was taken has changed, also before the watch began.
 * Does not keep the process alive.
 */
export function watchFiles(files: FileMarks, onChange: (changed: string[]) => void): FileWatch {
  let marks = new Map<string, string>();
  let folders = new Map<string, { watcher: FSWatcher; identity: string }>();
  let pending: ReturnType<typeof setTimeout> | undefined;
  let closed = false;

  const look = (): void => {
    pending = undefined;
    if (closed) return;
    const changed: string[] = [];
    for (const [path, before] of marks) {
      const mark = fileMark(path);
      if (mark === before) continue;
      marks.set(path, mark);
      changed.push(path);
    }
    watchFolders();
    if (changed.length > 0) onChange(changed);
  };

  const lookSoon = (): void => {
    if (closed) return;
    clearTimeout(pending);
    pending = setTimeout(look, debounceMs);
    pending.unref();
  };

  /** Opens what is missing, and drops what is no longer wanted or is another folder by now. */
  const watchFolders = (): void => {
    const wanted = new Map(
      [...marks.keys()].flatMap(foldersOf).map((folder) => [folder, identityOf(folder)]),
    );
    const kept: typeof folders = new Map();
    for (const [folder, open] of folders) {
      if (wanted.get(folder) === open.identity) kept.set(folder, open);
      else open.watcher.close();
    }
    folders = kept;
    for (const [folder, identity] of wanted) {
      if (identity === "" || folders.has(folder)) continue;
      try {
        const watcher = watch(folder, { persistent: false }, lookSoon);
        watcher.on("error", () => {
          watcher.close();
          if (folders.get(folder)?.watcher === watcher) folders.delete(folder);
        });
        folders.set(folder, { watcher, identity });
      } catch {
        // No watch to be had (limit reached, folder gone this moment): the poll sees to it.
      }
    }
  };

  const update = (next: FileMarks): void => {
    if (closed) return;
    let missed = false;
    const kept = new Map<string, string>();
    for (const [path, mark] of next) {
      const seen = marks.get(path) ?? mark;
      kept.set(path, seen);
      missed ||= seen !== fileMark(path);
    }
    marks = kept;
    watchFolders();
    if (missed) lookSoon();
  };

  update(files);
  const poll = setInterval(look, pollMs);
  poll.unref();

  return {
    update,
    close() {
      closed = true;
      clearTimeout(pending);
      clearInterval(poll);
      for (const { watcher } of folders.values()) watcher.close();
      folders.clear();
    },
  };
}

function identityOf(folder: string): string {
  try {
    const { ino, dev } = statSync(folder, { bigint: true });
    return `${dev}:${ino}`;
  } catch {
    return "";
  }
}

/** The folder the path names, and the one the file really is in when links lie between. */
function foldersOf(path: string): string[] {
  try {
    return [dirname(path), dirname(realpathSync(path))];
  } catch {
    return [dirname(path)];
  }
}
