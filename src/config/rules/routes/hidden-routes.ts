import { encloses, routePatterns } from '../../routes/route-order.ts';
import { type Rule, warning } from '../rule.ts';

/** A route with the request's host comes first, however short its path is: what it encloses is not reached on that host. */
export const hostsHideNothing: Rule = ({ config, lineOf }) => {
  const patterns = routePatterns(config);
  const withHost = patterns.filter(({ host }) => host !== undefined);
  return patterns
    .filter(({ host }) => host === undefined)
    .flatMap((hidden) => {
      const hiding = withHost.filter((candidate) => encloses(candidate, hidden));
      if (hiding.length === 0) return [];
      const names = hiding.map(
        ({ host, name, index }) => `\`${name}\` (${host}, line ${lineOf(['routes', index])})`,
      );
      return [
        warning(
          ['routes', hidden.index, 'path'],
          `route \`${hidden.name}\` is hidden by ${names.join(', ')}`,
          {
            hint: 'on that host the route with the host comes first; give this one a `host` too if it is meant there',
          },
        ),
      ];
    });
};
