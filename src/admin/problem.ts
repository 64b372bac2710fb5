import type { FastifyReply } from 'fastify';
import { escapeLines } from '../core/escape.ts';

/** Responds with problem details (RFC 9457). People read them in terminals as well, and they may name what was sent. */
export function refuse(reply: FastifyReply, status: number, detail: string, more: object = {}): FastifyReply {
  return reply
    .status(status)
    .type('application/problem+json')
    .send(
      escapeLines(JSON.stringify({ type: 'about:blank', title: TITLES[status], status, detail, ...more })),
    );
}

const TITLES: Readonly<Record<number, string>> = {
  400: 'Bad request',
  401: 'Not authorized',
  403: 'Forbidden',
  404: 'Not found',
  405: 'Method not allowed',
  413: 'Too large',
  415: 'Unsupported media type',
  500: 'Internal error',
  503: 'Unavailable',
};
