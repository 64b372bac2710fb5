import { type Rule, warning } from '../rule.ts';

/** Settings that wait for another one that the file does not have. */
export const settingsHaveTheirOccasion: Rule = ({ config }) => [
  ...config.routes.flatMap(({ tokenFrom = [], websocket }, index) =>
    tokenFrom.flatMap((source, at) =>
      'webSocketProtocol' in source && !websocket
        ? [
            warning(
              ['routes', index, 'tokenFrom', at, 'webSocketProtocol'],
              'this route takes no WebSockets, so no token comes from here',
              { hint: 'set `websocket: true`' },
            ),
          ]
        : [],
    ),
  ),
  ...(config.rateLimitStore !== undefined && config.routes.every(({ rateLimit }) => rateLimit === undefined)
    ? [warning(['rateLimitStore'], 'no route has a `rateLimit` to keep there', { at: 'key' })]
    : []),
];
