import { once } from 'node:events';
import fc from 'fast-check';
import { check, nothingSeen } from './check.ts';
import { openLab } from './lab.ts';
import { type ClientRequest, clientRequest } from './requests.ts';

/* Plays cases in a process of its own: the hooks of the test runner make every promise slow. Its one message has the task. */

export interface Task {
  readonly cases: number;
  readonly seed: number;
  readonly minutes: number;
  /** Is played instead of generated ones. */
  readonly replayed: ClientRequest | undefined;
}

export interface CaseResult {
  readonly cases: number;
  /** The shortest case with a difference that the table does not name, and what was found. */
  readonly failure:
    | { readonly request: ClientRequest | undefined; readonly found: readonly string[] }
    | undefined;
  /** How often each code, and each difference of the table, came. */
  readonly codes: Readonly<Record<string, number>>;
  readonly rows: Readonly<Record<string, number>>;
  /** Lines that the gateways should not have logged. */
  readonly errors: readonly string[];
}

const [task] = (await once(process, 'message')) as [Task];
process.send?.(await run(task));
process.disconnect?.();

async function run({ cases, seed, minutes, replayed }: Task): Promise<CaseResult> {
  const lab = await openLab();
  const seen = nothingSeen();
  const property = fc.asyncProperty(
    replayed === undefined ? clientRequest : fc.constant(replayed),
    async (request) => {
      const problems = await check(lab, request, seen);
      if (problems.length > 0) throw new Error(problems.join('\n'));
    },
  );
  const result = await fc.check(property, {
    numRuns: replayed === undefined ? cases : 1,
    seed,
    interruptAfterTimeLimit: minutes * 60_000,
  });
  const error = result.errorInstance as Error | undefined;
  await lab.close();
  return {
    cases: result.numRuns,
    failure: result.failed
      ? {
          request: result.counterexample?.[0],
          found: error?.message.split('\n') ?? ['the time was over before the first case'],
        }
      : undefined,
    codes: Object.fromEntries(seen.codes),
    rows: Object.fromEntries(seen.rows),
    errors: lab.records.errors,
  };
}
