import type { RawResponse } from '../../support/clients/raw.ts';
import { type Changes, fieldsOfQuestion } from './asking-proxy.ts';
import type { EqualityFile } from './files.ts';
import { openLane } from './lane.ts';
import { fieldsForClient, requestIdOf } from './outcome.ts';
import type { ClientRequest } from './requests.ts';
import type { Way } from './ways.ts';

/* The ways of asking over HTTP. */

interface HttpWay {
  readonly name: string;
  /** The fields by which the proxy describes the request; those of the client are overwritten. Lower case. */
  readonly own: readonly string[];
  /** The request line of the question, and those fields. */
  readonly question: (request: ClientRequest) => {
    readonly line: string;
    readonly fields: readonly string[];
  };
  readonly changes: (response: RawResponse, file: EqualityFile) => Changes;
  /** The status that the client of a refused request gets. */
  readonly meant: (response: RawResponse) => number;
}

export const FORWARD_AUTH = httpWay({
  name: 'forward-auth',
  own: ['x-forwarded-method', 'x-forwarded-proto', 'x-forwarded-host', 'x-forwarded-uri', 'x-forwarded-for'],
  question: ({ method, host, target, client }) => ({
    line: 'GET /forward-auth HTTP/1.1',
    fields: [
      'Host: sealgate.internal',
      `X-Forwarded-Method: ${method}`,
      'X-Forwarded-Proto: https',
      `X-Forwarded-Host: ${host}`,
      `X-Forwarded-Uri: ${target}`,
      `X-Forwarded-For: ${client}`,
    ],
  }),
  changes: changesByName,
  meant: ({ status }) => status,
});

export const AUTH_REQUEST = httpWay({
  name: 'auth-request',
  own: ['x-original-method', 'x-original-url', 'x-forwarded-for'],
  question: ({ method, host, target, client }) => ({
    line: 'GET /auth-request HTTP/1.1',
    fields: [
      'Host: sealgate.internal',
      `X-Original-Method: ${method}`,
      `X-Original-URL: https://${host}${target}`,
      `X-Forwarded-For: ${client}`,
    ],
  }),
  changes: changesByName,
  meant: ({ status, headers }) => Number(headers['x-sealgate-status']?.[0] ?? status),
});

export const EXT_AUTHZ = httpWay({
  name: 'ext-authz',
  own: ['x-forwarded-for', 'x-forwarded-proto'],
  question: ({ method, host, target, client }) => ({
    line: `${method} /ext-authz${target} HTTP/1.1`,
    fields: [`Host: ${host}`, 'X-Forwarded-Proto: https', `X-Forwarded-For: ${client}`],
  }),
  changes: (response, file) => ({
    first: new Set(),
    set: changesByName(response, file).set,
    drop: new Set(
      (response.headers['x-envoy-auth-headers-to-remove'] ?? []).flatMap((list) =>
        list.split(',').map((name) => name.trim()),
      ),
    ),
  }),
  meant: ({ status }) => status,
});

function httpWay({ name, own, question, changes, meant }: HttpWay): Way {
  return {
    name,
    own,
    open({ decisions }, file) {
      const lane = openLane(decisions);
      return {
        async ask(request) {
          const { line, fields } = question(request);
          const lines = [line, ...fields, ...fieldsOfQuestion(request, own)];
          const response = await lane.send(`${lines.join('\r\n')}\r\n\r\n`, line.split(' ')[0] as string);
          const isAllowed = response.status === 200;
          return {
            requestId: requestIdOf(response.headers),
            status: isAllowed ? 200 : meant(response),
            forClient: fieldsForClient(response.headers, new Set(file.dropped)),
            changes: isAllowed ? changes(response, file) : undefined,
          };
        },
        close: () => lane.close(),
      };
    },
  };
}

/** Sets what the response has of the names that the proxy's own file drops. */
function changesByName({ headers }: RawResponse, { dropped }: EqualityFile): Changes {
  return {
    first: new Set(dropped),
    drop: new Set(),
    set: new Map(dropped.flatMap((name) => (headers[name] === undefined ? [] : [[name, headers[name]]]))),
  };
}
