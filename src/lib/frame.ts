// One message of a streaming wire.

/** `event` is the SSE event name (or its like on another framing), absent when the wire gave none. */
export interface Frame {
  event?: string;
  data: string;
  /** The framing itself marks this message as an exception (AWS event streams). */
  exception?: true;
}
