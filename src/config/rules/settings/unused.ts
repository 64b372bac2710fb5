import { acceptedIssuers, allAlternatives } from '../../routes/route-access.ts';
import { type Rule, warning } from '../rule.ts';

/** What nothing refers to is often forgotten; where a name is unknown, that one is the problem, not this. */
export const everythingIsUsed: Rule = ({ config }) => {
  const issuers = new Set(allAlternatives(config).flatMap(({ block }) => acceptedIssuers(block, config)));
  const upstreams = new Set(config.routes.map(({ upstream }) => upstream));
  const policies = new Set(allAlternatives(config).flatMap(({ block }) => block.policy ?? []));
  const unused = (kind: 'issuers' | 'upstreams' | 'policies', used: ReadonlySet<string>, words: string) => {
    const names = Object.keys(config[kind]);
    if ([...used].some((name) => !names.includes(name) && !name.includes('://'))) return [];
    return names
      .filter((name) => !used.has(name))
      .map((name) => warning([kind, name], `${words} \`${name}\``, { at: 'key' }));
  };
  return [
    ...unused('issuers', issuers, 'no route accepts tokens of issuer'),
    ...unused('policies', policies, 'no route uses policy'),
    ...unused('upstreams', upstreams, 'no route leads to upstream'),
  ];
};
