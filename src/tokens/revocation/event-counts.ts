/** What providers push to this gateway: logout tokens (OpenID Connect Back-Channel Logout 1.0) and security events (RFC 8935). */
export const EVENT_KINDS = ['logout', 'events'] as const;
export type EventKind = (typeof EVENT_KINDS)[number];

/**
 * What became of one that was received. `repeated`: it was received before. `ignored`: nothing follows from its event. `invalid`: it is
 * not what it should be. `full`: there was no room for its entry. `unavailable`: it could not be checked or kept.
 */
export const EVENT_OUTCOMES = ['accepted', 'repeated', 'ignored', 'invalid', 'full', 'unavailable'] as const;
export type EventOutcome = (typeof EVENT_OUTCOMES)[number];

/** Of which issuer, by its configured name, what is received. */
export interface EventSource {
  readonly issuer: string;
  readonly kind: EventKind;
}

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
  return { accepted: 0, repeated: 0, ignored: 0, invalid: 0, full: 0, unavailable: 0 };
}
