/** The time in milliseconds since the epoch; a dependency, so that tests can control it. */
export type Clock = () => number;

export const systemClock: Clock = Date.now;
