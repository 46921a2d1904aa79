// Which models a caller may ask for, as routing asks it.

/** Whether a model may be used that goes by all of these names: as it was asked for, and as `provider/model`. */
export type MayUse = (...names: string[]) => boolean;
