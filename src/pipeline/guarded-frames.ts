// The frames of a realtime session under the eyes of guardrails: one after the other, in the order in which they came.
import type { SocketMessage } from "../egress/socket.ts";
import { editedJson } from "../guardrails/inspect.ts";
import { toGatewayError, type GatewayError } from "../ir/error.ts";
import { background } from "../lib/background.ts";
import type { Framing } from "../lib/framing.ts";
import type { Guard } from "./guard.ts";

export interface GuardedFrames {
  /** A client's frame; `pass` gets it as it may be sent on. */
  fromClient(message: SocketMessage, pass: (message: SocketMessage) => void): void;
  /** A provider's frame; `pass` gets those that may be shown by now. */
  fromProvider(message: SocketMessage, pass: (message: SocketMessage) => void): void;
}

/** `refuse` is told once of what may not pass; nothing passes after it. */
export function createGuardedFrames(
  { input, output }: Guard,
  refuse: (error: GatewayError) => void,
): GuardedFrames {
  let isOver = false;
  const inOrder = (): ((work: () => Promise<void>) => void) => {
    let last = Promise.resolve();
    return (work) => {
      last = last.then(async () => {
        if (isOver) return;
        try {
          await work();
        } catch (thrown) {
          isOver = true;
          refuse(toGatewayError(thrown));
        }
      });
      background(last, "a guarded frame");
    };
  };
  const sent = inOrder();
  const shown = inOrder();
  let show: (message: SocketMessage) => void = () => {};
  const stream = output?.stream(oneFrame, ({ data }) => show(data));

  return {
    fromClient(message, pass) {
      if (!input) {
        pass(message);
        return;
      }
      sent(async () => {
        const bytes = Buffer.from(message);
        const edited = await readFrame(bytes, input);
        if (edited === bytes) pass(message);
        else pass(typeof message === "string" ? Buffer.from(edited).toString("utf8") : edited);
      });
    },
    fromProvider(message, pass) {
      if (!stream) {
        pass(message);
        return;
      }
      shown(async () => {
        show = pass;
        await stream.push(Buffer.from(message));
        // What waits for more would wait for the client, who waits for it.
        if (typeof message === "string" && /"type"\s*:\s*"response\.done"/.test(message)) {
          await stream.finish();
        }
      });
    },
  };
}

async function readFrame(bytes: Buffer, input: NonNullable<Guard["input"]>): Promise<Uint8Array> {
  const isJson = bytes.subarray(0, 1_024).toString("utf8").trimStart().startsWith("{");
  return isJson ? editedJson(bytes, await input.json(bytes)) : input.bytes(bytes);
}

/** Sockets cut their messages themselves. */
const oneFrame: Framing = {
  id: "message",
  contentType: "application/json",
  createSplitter: () => ({ push: (chunk) => [chunk], end: () => null }),
  parse: (block) => ({ data: Buffer.from(block).toString("utf8") }),
  createWriter: () => ({
    write: ({ data }) => Buffer.from(data),
    end: () => Buffer.alloc(0),
  }),
};
