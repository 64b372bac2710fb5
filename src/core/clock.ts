/** The time, as a dependency, so that tests can hold it still. Milliseconds since the epoch. */
export type Clock = () => number;

export const systemClock: Clock = Date.now;
