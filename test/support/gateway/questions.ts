import type { ConnectionOptions } from 'node:tls';
import { connectRaw, type RawConnection, type RawResponse, rawRequest } from '../clients/raw.ts';

/** The address of the client in questions. */
export const ASKED_CLIENT = '203.0.113.7';

/** The questions of the ways over HTTP about a GET of `target`, as asking proxies send them; `fields` are those of the client. */
export const QUESTIONS = {
  'forward-auth': (target: string, fields: readonly string[] = []) =>
    rawRequest('GET /forward-auth HTTP/1.1', [
      'X-Forwarded-Method: GET',
      'X-Forwarded-Proto: https',
      'X-Forwarded-Host: api.example.com',
      `X-Forwarded-Uri: ${target}`,
      `X-Forwarded-For: ${ASKED_CLIENT}`,
      ...fields,
    ]),
  'auth-request': (target: string, fields: readonly string[] = []) =>
    rawRequest('GET /auth-request HTTP/1.1', [
      'X-Original-Method: GET',
      `X-Original-URL: https://api.example.com${target}`,
      `X-Forwarded-For: ${ASKED_CLIENT}`,
      ...fields,
    ]),
  'ext-authz': (target: string, fields: readonly string[] = []) =>
    rawRequest(`GET /ext-authz${target} HTTP/1.1`, [
      'X-Forwarded-Proto: https',
      `X-Forwarded-For: ${ASKED_CLIENT}`,
      ...fields,
    ]),
} as const;

export const HTTP_WAYS = Object.keys(QUESTIONS) as (keyof typeof QUESTIONS)[];

/** The response to one question over a connection of its own, which may end without one. */
export async function askOnce(
  url: string | number,
  question: string,
  tls?: ConnectionOptions,
): Promise<RawResponse | undefined> {
  const connection = await connectAsking(url, tls);
  try {
    connection.send(question);
    return await connection.read();
  } finally {
    connection.destroy();
  }
}

export function connectAsking(url: string | number, tls?: ConnectionOptions): Promise<RawConnection> {
  return connectRaw(typeof url === 'number' ? url : Number(new URL(url).port), tls);
}
