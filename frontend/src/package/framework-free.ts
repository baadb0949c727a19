/** `@run-code/react/client`: the service without React, for pages that are made with something else. */

export * from "./client";
export { Outbox, type Place, type Pressed, type Sending } from "./sending";
export { again, backoff, isFinal, type Timings, timings } from "./timings";
export { Problem } from "./wire";
