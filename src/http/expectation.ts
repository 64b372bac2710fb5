import { refuse } from '../core/refusals.ts';

export const UNMET_EXPECTATION = refuse('expectation_failed', 'Expect has a value other than 100-continue');

/** RFC 9110 §10.1.1: 100-continue is the only expectation there is. `expect`: all values of the field as one; undefined without it. */
export function expectsOnlyContinue(expect: string | undefined): boolean {
  return expect === undefined || expect.toLowerCase() === '100-continue';
}
