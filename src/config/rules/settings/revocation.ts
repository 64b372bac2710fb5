import { formatDuration } from '../../../core/units.ts';
import type { PathProblem } from '../../problem.ts';
import { type Rule, warning } from '../rule.ts';

/** Once an entry has ended, a token that is still valid would count again. */
export const entriesOutlastTokens: Rule = ({ config }) => {
  const { keep, file, store } = config.revocation;
  const isForAll = file !== undefined || store !== undefined;
  const hint = `set \`maxTokenAge\` to at most ${formatDuration(keep)}, or a longer \`revocation.keep\``;
  return Object.entries(config.issuers).flatMap(([name, issuer]): readonly PathProblem[] => {
    const { maxTokenAge, logout, events } = issuer;
    if (!isForAll && logout === undefined && events === undefined) return [];
    const path = ['issuers', name];
    if (maxTokenAge === undefined) {
      const message =
        'a revoked token counts again once `revocation.keep` has passed, and without `maxTokenAge` it may still be valid then';
      return [warning(path, message, { hint, at: 'key' })];
    }
    if (maxTokenAge <= keep) return [];
    const message = 'longer than `revocation.keep`: a revoked token counts again before it is too old';
    return [warning([...path, 'maxTokenAge'], message, { hint })];
  });
};
