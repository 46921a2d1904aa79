// A model that paused in the middle of a long turn, shown to a client whose wire has no word for it.
import type { Finish } from "../ir/chat.ts";
import type { Notice } from "./losses.ts";

/** Tells that an answer shown as ended would go on. */
export function noticePause({ reason }: Finish, notice: Notice): void {
  if (reason !== "pause") return;
  notice("finish_reason", "the model paused in the middle of a long turn: it is shown as ended");
}
