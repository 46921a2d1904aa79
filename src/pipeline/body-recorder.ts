// Bodies of requests and answers on record, where somebody asks for it: a copy on the side, bounded and redacted.
import { background } from "../lib/background.ts";
import type { Logger } from "../lib/log.ts";
import { redactBody } from "../lib/redact-body.ts";
import type { Bodies, Body } from "../store/bodies.ts";

/** Asks for bodies: the route, the client's key of the configuration, or a virtual key's metadata. */
export interface BodyWish {
  readonly route?: { readonly storeBodies?: boolean } | undefined;
  readonly key?: { readonly storeBodies?: boolean } | undefined;
  readonly metadata?: Readonly<Record<string, unknown>> | undefined;
}

/** @example wantsBodies({ route: { storeBodies: true } }) // → true */
export const wantsBodies = ({ route, key, metadata }: BodyWish): boolean =>
  route?.storeBodies === true || key?.storeBodies === true || metadata?.["store_bodies"] === true;

/** The bodies of one request. */
export interface BodyRecording {
  /** What the client sent. */
  request(bytes: Uint8Array, contentType: string | null): void;
  /** Passes an answer on as it is, and keeps its beginning on the side. It is on record once it has ended or was given up. */
  response(answer: Response): Response;
  /** Ends the recording where there is no answer to wait for. Only the first end counts. */
  finish(): void;
}

export interface BodyRecorder {
  begin(requestId: string): BodyRecording;
}

export interface BodyRecorderOptions {
  /** Most of one body that is kept, bytes. Default 256 KB. */
  maxBytes?: number;
  /** Most that all recordings together hold in memory, bytes. Default 64 MB. */
  maxHeldBytes?: number;
}

export function createBodyRecorder(
  bodies: Bodies,
  log: Logger,
  { maxBytes = 256 * 1024, maxHeldBytes = 64 * 1024 ** 2 }: BodyRecorderOptions = {},
): BodyRecorder {
  let heldBytes = 0;

  return {
    begin(requestId) {
      const kept: (Omit<Body, "atMs" | "text"> & { pieces: Uint8Array[] })[] = [];
      let own = 0;
      let isOver = false;

      const open = (part: Body["part"], contentType: string | null) => {
        const body = {
          requestId,
          part,
          contentType,
          size: 0,
          isCut: false,
          pieces: [] as Uint8Array[],
        };
        kept.push(body);
        const isText = isTextual(contentType);
        let length = 0;
        return (bytes: Uint8Array): void => {
          if (isOver) return;
          body.size += bytes.length;
          const room = isText ? Math.min(maxBytes - length, maxHeldBytes - heldBytes) : 0;
          const taken = Math.max(0, Math.min(room, bytes.length));
          if (taken < bytes.length) body.isCut = true;
          if (taken === 0) return;
          // A copy: whoever gets the bytes may reuse their memory.
          body.pieces.push(bytes.slice(0, taken));
          length += taken;
          own += taken;
          heldBytes += taken;
        };
      };

      const write = async (): Promise<void> => {
        try {
          const whole = kept.map(({ pieces, ...body }) => ({
            ...body,
            text: redactBody(new TextDecoder().decode(Buffer.concat(pieces))),
          }));
          await bodies.put(whole);
        } catch (error) {
          log.warn("bodies.not_kept", { requestId }, error);
        } finally {
          heldBytes -= own;
        }
      };

      const finish = (): void => {
        if (isOver) return;
        isOver = true;
        background(write(), "keeping bodies");
      };

      return {
        request: (bytes, contentType) => open("request", contentType)(bytes),
        response(answer) {
          const take = open("response", answer.headers.get("content-type"));
          if (!answer.body) {
            finish();
            return answer;
          }
          return new Response(watched(answer.body, take, finish), answer);
        },
        finish,
      };
    },
  };
}

/** The same bytes at the reader's pace. `ended` is told when there are no more, for whatever reason. */
function watched(
  body: ReadableStream<Uint8Array>,
  take: (bytes: Uint8Array) => void,
  ended: () => void,
): ReadableStream<Uint8Array> {
  const reader = body.getReader();
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const { value, done } = await reader.read();
        if (done) {
          ended();
          controller.close();
          return;
        }
        take(value);
        controller.enqueue(value);
      } catch (error) {
        ended();
        controller.error(error);
      }
    },
    async cancel(reason) {
      ended();
      await reader.cancel(reason);
    },
  });
}

/** Media is told by its type and size only. */
const isTextual = (contentType: string | null): boolean =>
  contentType === null ||
  /^(?:text\/|application\/(?:[\w.+-]{0,64}json|x-ndjson|xml|x-www-form-urlencoded)\b)/i.test(
    contentType,
  );
