// Where no upstream is: closed ports, names that nobody has, and TLS that goes wrong before a byte of HTTP.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer as createTlsServer } from "node:tls";

export type PlaceName =
  | "nobody"
  | "no-such-name"
  | "tls-stranger"
  | "tls-expired"
  | "tls-plain"
  | "tls-closed"
  | "tls-silent";

export interface Places extends AsyncDisposable {
  readonly origins: Readonly<Record<PlaceName, string>>;
}

/** A certificate that an authority of its own has signed, made now; `days` may be negative. */
function certificate(folder: string, name: string, days: number): { key: Buffer; cert: Buffer } {
  const run = (...args: string[]): void => {
    const { exitCode, stderr } = Bun.spawnSync(["openssl", ...args], { cwd: folder });
    if (exitCode !== 0) throw new Error(`openssl ${args[0]}: ${stderr.toString()}`);
  };
  const keyed = (file: string): string[] =>
    `-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout ${file}.key`.split(" ");
  const names = "subjectAltName=DNS:localhost,IP:127.0.0.1";
  run("req", "-x509", ...keyed("ca"), "-out", "ca.pem", "-subj", "/CN=Nobody's authority");
  run("req", ...keyed(name), "-out", `${name}.csr`, "-subj", "/CN=localhost", "-addext", names);
  const signed = [
    "-CA",
    "ca.pem",
    "-CAkey",
    "ca.key",
    "-CAcreateserial",
    "-copy_extensions",
    "copy",
  ];
  run("x509", "-req", "-in", `${name}.csr`, ...signed, "-days", `${days}`, "-out", `${name}.pem`);
  return {
    key: readFileSync(join(folder, `${name}.key`)),
    cert: readFileSync(join(folder, `${name}.pem`)),
  };
}

/** Starts them all on loopback. */
export async function startPlaces(): Promise<Places> {
  const sockets = new Set<Socket>();
  const servers: Server[] = [];
  const open = async (server: Server): Promise<string> => {
    servers.push(server);
    server.on("connection", (socket: Socket) => {
      sockets.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => sockets.delete(socket));
    });
    server.on("tlsClientError", () => {});
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  };
  const folder = mkdtempSync(join(tmpdir(), "megallm-faults-"));
  try {
    const [stranger, expired] = [certificate(folder, "a", 2), certificate(folder, "b", -1)];
    const plain = "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n";
    const origins = {
      // Port 1 is nobody's.
      nobody: "http://127.0.0.1:1",
      "no-such-name": "http://no-such-host.invalid",
      "tls-stranger": await open(createTlsServer(stranger)),
      "tls-expired": await open(createTlsServer(expired)),
      "tls-plain": await open(
        createServer((socket) => socket.once("data", () => socket.end(plain))),
      ),
      "tls-closed": await open(createServer((socket) => socket.once("data", () => socket.end()))),
      "tls-silent": await open(createServer(() => {})),
    };
    return {
      origins,
      async [Symbol.asyncDispose]() {
        for (const socket of sockets) socket.destroy();
        await Promise.all(
          servers.map((server) => new Promise<void>((resolve) => server.close(() => resolve()))),
        );
      },
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
