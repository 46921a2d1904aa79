// A large request body set aside while its model is looked for: in memory while it is small, then in a private file.
import { writeSync } from "node:fs";
import { type FileHandle, mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface Spool {
  write(chunk: Uint8Array): Promise<void>;
  readonly size: number;
  /** The bytes from `start` up to `end`, read as fast as they are taken; any number of times. */
  read(start: number, end: number): AsyncGenerator<Uint8Array>;
  /** Removes what was set aside; whatever is still reading it then comes to an early end. Safe at any time. */
  dispose(): Promise<void>;
}

const maxMemoryBytes = 1024 * 1024;
const pieceBytes = 64 * 1024;

export function createSpool(): Spool {
  let pieces: Uint8Array[] = [];
  let size = 0;
  let folder: string | undefined;
  let file: FileHandle | undefined;

  const toFile = async (): Promise<FileHandle> => {
    folder = await mkdtemp(join(tmpdir(), "megallm-"));
    const handle = await open(join(folder, "body"), "wx+", 0o600);
    // Without its name the file goes with the process, however that ends. Systems that keep open files wait for `dispose`.
    await rm(folder, { recursive: true, force: true }).catch(() => {});
    for (const piece of pieces) writeAll(handle, piece);
    pieces = [];
    return handle;
  };

  return {
    get size() {
      return size;
    },
    async write(chunk) {
      if (!file && size + chunk.length > maxMemoryBytes) file = await toFile();
      if (file) writeAll(file, chunk);
      else pieces.push(Uint8Array.from(chunk));
      size += chunk.length;
    },
    async *read(start, end) {
      if (!file) {
        const bytes = Buffer.concat(pieces).subarray(start, end);
        if (bytes.length > 0) yield bytes;
        return;
      }
      for (let at = start; file && at < end;) {
        const wanted = Math.min(pieceBytes, end - at);
        const { bytesRead, buffer } = await file.read(Buffer.alloc(wanted), 0, wanted, at);
        if (bytesRead === 0) return;
        at += bytesRead;
        yield buffer.subarray(0, bytesRead);
      }
    },
    async dispose() {
      pieces = [];
      const [handle, place] = [file, folder];
      file = undefined;
      folder = undefined;
      await handle?.close();
      if (place !== undefined) await rm(place, { recursive: true, force: true });
    },
  };
}

/**
 * One write need not take it all. Not handed to another thread: meanwhile the pieces that follow would pile up in
 * memory, and a write into the system's cache takes less time than handing it over.
 */
function writeAll({ fd }: FileHandle, chunk: Uint8Array): void {
  for (let at = 0; at < chunk.length;) at += writeSync(fd, chunk, at, chunk.length - at);
}
