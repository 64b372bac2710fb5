import { createHash, timingSafeEqual } from 'node:crypto';
import { isIP } from 'node:net';
import { isLoopbackAddress, isLoopbackHost } from '../core/network/ip.ts';

/** What the guard checks. Header names are lower case. */
export interface AdminRequest {
  readonly method: string;
  readonly peerAddress: string;
  readonly host: string | undefined;
  readonly origin: string | undefined;
  readonly authorization: string | undefined;
}

export interface AdminRefusal {
  readonly status: 401 | 403;
  readonly detail: string;
}

/**
 * Allows everything beyond `/live`, `/ready` and `/metrics` only for the machine itself and for clients with the token.
 * If a token is sent it must be right, even from the machine itself.
 *
 * A page in a browser on this machine is not trusted: its own name may resolve to 127.0.0.1 (DNS rebinding), so
 * without a token the Host must be an address or `localhost`, and requests that change state must not come from another
 * origin.
 */
export function createAdminGuard(
  token: string | undefined,
): (request: AdminRequest) => AdminRefusal | undefined {
  const expected = token === undefined ? undefined : digest(token);
  return ({ method, peerAddress, host, origin, authorization }) => {
    if (authorization !== undefined && expected !== undefined) {
      const sent = /^bearer (.+)$/i.exec(authorization)?.[1];
      if (sent !== undefined && timingSafeEqual(digest(sent), expected)) return undefined;
      return { status: 401, detail: 'This is not the token of `admin.token`.' };
    }
    if (!isLoopbackAddress(peerAddress)) {
      return expected === undefined
        ? {
            status: 403,
            detail:
              'From other machines only /live, /ready and /metrics are served, unless `admin.token` is set and sent.',
          }
        : { status: 401, detail: 'Send the token of `admin.token` as `Authorization: Bearer`.' };
    }
    if (!isOwnName(host)) {
      return {
        status: 403,
        detail: 'Use an address or localhost; another name could be an attack by a web page.',
      };
    }
    if (method !== 'GET' && method !== 'HEAD' && origin !== undefined && originHost(origin) !== host) {
      return { status: 403, detail: 'Pages of other origins may not do this.' };
    }
    return undefined;
  };
}

/** What revokes tokens needs the token, also from the machine itself: a process on it may not be trusted with that. Runs behind the guard, which has compared it. */
export function refuseWithoutToken(
  token: string | undefined,
  { authorization }: Pick<AdminRequest, 'authorization'>,
): AdminRefusal | undefined {
  if (token === undefined) {
    return {
      status: 403,
      detail:
        'Revocations need a token: set `admin.token` in the file and send it as `Authorization: Bearer`.',
    };
  }
  if (authorization !== undefined) return undefined;
  return {
    status: 401,
    detail: 'Send the token of `admin.token` as `Authorization: Bearer`, also from this machine.',
  };
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

function isOwnName(host: string | undefined): boolean {
  if (host === undefined) return false;
  const name = host.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');
  return isIP(name) !== 0 || isLoopbackHost(name);
}

function originHost(origin: string): string | undefined {
  return URL.canParse(origin) ? new URL(origin).host : undefined;
}
