import type { Observation } from '../reports/observation.ts';
import { createInFlightSet } from './in-flight-set.ts';
import type { Transaction } from './transaction.ts';

/** The requests that are running. Each begins once and ends once. */
export interface Transactions extends Iterable<Transaction> {
  begin(transaction: Transaction): void;
  /**
   * Ends a request: makes its record and hands it to the sinks. Several events may mark the end; the first counts. `status` 0 stands
   * for a response that never began.
   */
  end(transaction: Transaction, status: number): void;
}

/** Makes the set of running requests, empty. */
export function createTransactions({ observe }: Pick<Observation, 'observe'>): Transactions {
  const running = createInFlightSet<Transaction>();
  return {
    begin(transaction) {
      running.add(transaction);
      transaction.connection.running += 1;
      transaction.generation.inFlight.enter();
    },
    end(transaction, status) {
      if (!running.remove(transaction)) return;
      transaction.connection.running -= 1;
      observe(transaction.describe(status), transaction.spans);
      transaction.generation.inFlight.leave();
    },
    [Symbol.iterator]: () => running[Symbol.iterator](),
  };
}
