import type { EventSource } from '../../config/event-paths.ts';

/**
 * What became of a logout token or security event that was received. `repeated`: it was received before. `ignored`: nothing follows from
 * its event. `invalid`: it is not what it should be. `full`: there was no room for its entry. `unavailable`: it could not be checked or kept.
 */
const EVENT_OUTCOMES = ['accepted', 'repeated', 'ignored', 'invalid', 'full', 'unavailable'] as const;
export type EventOutcome = (typeof EVENT_OUTCOMES)[number];

export interface EventReport extends EventSource {
  /** How many since the start. */
  readonly outcomes: Readonly<Record<EventOutcome, number>>;
}

/** Counts what was received. */
export interface EventCounts {
  /** Reports these from now on, with zeros at first, and forgets others. */
  follow(sources: readonly EventSource[]): void;
  count(source: EventSource, outcome: EventOutcome): void;
  report(): readonly EventReport[];
}

/** Makes counts without a source. What comes of one that is not followed is not counted. */
export function createEventCounts(): EventCounts {
  let reports: readonly (EventSource & { readonly outcomes: Record<EventOutcome, number> })[] = [];
  const find = ({ issuer, kind }: EventSource) =>
    reports.find((report) => report.issuer === issuer && report.kind === kind);
  return {
    follow(sources) {
      reports = sources.map(
        ({ issuer, kind }) => find({ issuer, kind }) ?? { issuer, kind, outcomes: noOutcomes() },
      );
    },
    count(source, outcome) {
      const report = find(source);
      if (report !== undefined) report.outcomes[outcome] += 1;
    },
    report: () => reports.map((report) => ({ ...report, outcomes: { ...report.outcomes } })),
  };
}

function noOutcomes(): Record<EventOutcome, number> {
  return Object.fromEntries(EVENT_OUTCOMES.map((outcome) => [outcome, 0])) as Record<EventOutcome, number>;
}
