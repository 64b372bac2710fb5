import type { PathProblem } from '../../problem.ts';
import { type Rule, warning } from '../rule.ts';

/** What browsers never ask for, or never show, and what scripts cannot do without. */
export const corsHeadersServeScripts: Rule = ({ config }) =>
  config.routes.flatMap(({ access, cors, tokenFrom = [] }, index): readonly PathProblem[] => {
    if (cors === undefined) return [];
    const path = ['routes', index, 'cors'];
    const sent = new Set(cors.headers.map((name) => name.toLowerCase()));
    // A cookie, a parameter and a protocol need no preflight.
    const mayComeOtherwise = tokenFrom.some(
      (source) => !('header' in source) || sent.has(source.header.toLowerCase()),
    );
    const needsToken = access !== 'public' && access !== 'optional';
    return [
      ...(needsToken && !sent.has('authorization') && !mayComeOtherwise
        ? [
            warning(
              [...path, 'headers'],
              'no script can send its token: preflights do not allow `Authorization`',
              {
                hint: 'add it to `headers`',
              },
            ),
          ]
        : []),
      ...cors.exposeHeaders.flatMap((name, at) =>
        /^set-cookie2?$/i.test(name)
          ? [warning([...path, 'exposeHeaders', at], 'no browser shows `Set-Cookie` to scripts')]
          : [],
      ),
    ];
  });
