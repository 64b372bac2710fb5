import { isLoopbackHost } from '../../../core/network/ip.ts';
import { EVENT_KINDS, type EventKind, eventPath } from '../../event-paths.ts';
import type { ConfigPath, PathProblem } from '../../problem.ts';
import type { Config, IssuerConfig } from '../../schema/config.ts';
import { error, note, type Rule, warning } from '../rule.ts';

const NAMES = { logout: 'logout tokens', events: 'security events' } as const satisfies Record<
  EventKind,
  string
>;

/** What providers push must be verifiable, and providers must know where to push it. */
export const eventsCanArrive: Rule = ({ config }) =>
  Object.entries(config.issuers).flatMap(([name, issuer]) => {
    const place = ['issuers', name];
    return [
      ...keysOfLogout(issuer, [...place, 'logout']),
      ...keysOfTransmitter(issuer, [...place, 'events', 'jwksUri']),
      ...EVENT_KINDS.flatMap((kind) =>
        issuer[kind] === undefined
          ? []
          : [
              note([...place, kind], `the provider pushes ${NAMES[kind]} to ${urlOf(config, name, kind)}`, {
                hint: 'register this URL there; docs/revocation.md has the places by provider',
              }),
              ...hiddenRoutes(config, name, kind),
            ],
      ),
    ];
  });

function keysOfLogout({ logout, jwks }: IssuerConfig, place: ConfigPath): readonly PathProblem[] {
  return logout !== undefined && jwks === 'none'
    ? [
        error(place, 'logout tokens of this issuer cannot be verified: it has `jwks: none`', {
          hint: 'take `jwks: none` away, so that the keys are fetched; opaque tokens are introspected all the same',
        }),
      ]
    : [];
}

/** Who can replace these keys revokes what he likes. */
function keysOfTransmitter({ events, insecure }: IssuerConfig, place: ConfigPath): readonly PathProblem[] {
  if (events === undefined || !URL.canParse(events.jwksUri)) return [];
  const { protocol, hostname, username, password, hash, pathname } = new URL(events.jwksUri);
  if (hash !== '') return [error(place, 'a URL of keys has no fragment')];
  if (/\/\.well-known\/(?:openid|ssf|sse)-configuration/.test(pathname))
    return [
      error(place, 'this is the URL of metadata, not of keys', {
        hint: 'write the `jwks_uri` that stands in it',
      }),
    ];
  if (username !== '' || password !== '') return [error(place, 'a URL with a user or password is not asked')];
  return protocol === 'http:' && !isLoopbackHost(hostname) && !insecure
    ? [
        error(place, '`jwksUri` is plain http: to another machine', {
          hint: 'use https:, or accept the risk with `insecure: true`',
        }),
      ]
    : [];
}

function urlOf({ listen: { publicUrl } }: Config, issuer: string, kind: EventKind): string {
  const path = eventPath({ issuer, kind });
  return publicUrl !== undefined && URL.canParse(publicUrl)
    ? new URL(publicUrl).origin + path
    : `${path} of this gateway`;
}

/** What a route has at this path, no request reaches. */
function hiddenRoutes({ routes }: Config, issuer: string, kind: EventKind): readonly PathProblem[] {
  const own = eventPath({ issuer, kind });
  return routes.flatMap(({ path }, index) =>
    path === own
      ? [
          warning(
            ['routes', index, 'path'],
            `the gateway receives ${NAMES[kind]} of \`${issuer}\` at this path`,
            {
              hint: 'no request for exactly this path reaches the route: name another path',
            },
          ),
        ]
      : [],
  );
}
