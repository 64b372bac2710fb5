import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Clock } from '../core/time/clock.ts';
import type { AddResult, Revocations } from '../tokens/revocation/revocations.ts';
import { refuse } from './problem.ts';
import {
  MAX_BODY_BYTES,
  type Named,
  type RevocationReading,
  readNewEntries,
  readTakenBack,
} from './revocation-requests.ts';

/** What the admin listener uses of the revocations. */
export type RevocationSources = Pick<Revocations, 'add' | 'takeBack' | 'report'>;

export interface RevocationRoutesOptions {
  readonly revocations: () => RevocationSources;
  readonly issuerNames: () => readonly string[];
  readonly nowMs: Clock;
  /** Why a request may not use them. */
  readonly refusalOf: (request: FastifyRequest) => { status: 401 | 403; detail: string } | undefined;
}

const PATH = '/revocations';
const FULL_RETRY_SECONDS = 60;
const FAILED_RETRY_SECONDS = 5;
const BODY_ERRORS: Readonly<Record<string, readonly [status: number, detail: string]>> = {
  FST_ERR_CTP_INVALID_MEDIA_TYPE: [415, 'Send entries as `Content-Type: application/json`.'],
  FST_ERR_CTP_BODY_TOO_LARGE: [413, `A request can have ${MAX_BODY_BYTES} bytes; send several.`],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: [400, 'The body is not as long as its Content-Length.'],
};

/** Adds `/revocations`: entries are added, taken back and counted. Unlike the other routes, it reads bodies. */
export async function addRevocationRoutes(
  app: FastifyInstance,
  { revocations, issuerNames, nowMs, refusalOf }: RevocationRoutesOptions,
): Promise<void> {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(
    'application/json',
    { parseAs: 'buffer', bodyLimit: MAX_BODY_BYTES },
    (_request, body, done) => done(null, body),
  );
  app.setErrorHandler<FastifyError>((error, _request, reply) => {
    const [status, detail] = BODY_ERRORS[error.code] ?? [500, 'The gateway failed to handle the request.'];
    return refuse(reply, status, detail);
  });
  // Before the body is read.
  app.addHook('onRequest', async (request, reply) => {
    const refusal = refusalOf(request);
    if (refusal === undefined) return;
    if (refusal.status === 401) reply.header('www-authenticate', 'Bearer realm="sealgate admin"');
    return refuse(reply, refusal.status, refusal.detail);
  });

  async function handle<Item>(
    { body }: FastifyRequest,
    reply: FastifyReply,
    read: (body: Buffer, reading: RevocationReading) => Named<Item>,
    use: (items: readonly Item[]) => Promise<AddResult>,
  ): Promise<FastifyReply> {
    // There was neither a body nor its type.
    if (!Buffer.isBuffer(body))
      return refuse(reply, 415, 'Send entries as `Content-Type: application/json`.');
    const named = read(body, { now: Math.floor(nowMs() / 1000), issuers: issuerNames() });
    if ('status' in named) {
      return refuse(reply, named.status, named.detail, named.errors && { errors: named.errors });
    }
    const result = await use(named.items);
    return result === 'kept' ? reply.status(204).send() : refuseResult(reply, result);
  }

  app.get(PATH, async () => revocations().report());
  app.post(PATH, (request, reply) =>
    handle(request, reply, readNewEntries, (entries) => revocations().add(entries, 'admin')),
  );
  app.delete(PATH, (request, reply) =>
    handle(request, reply, readTakenBack, (targets) => revocations().takeBack(targets)),
  );

  function refuseResult(reply: FastifyReply, result: Exclude<AddResult, 'kept'>): FastifyReply {
    const isFull = result === 'full';
    reply.header('retry-after', isFull ? FULL_RETRY_SECONDS : FAILED_RETRY_SECONDS);
    const { maxEntries } = revocations().report();
    return refuse(
      reply,
      503,
      isFull
        ? `There is no room: \`revocation.maxEntries\` lets ${maxEntries} be active. None of these counts.`
        : `It counts at this gateway, but is not in the ${result.place}: ${result.failed}. Send it again.`,
    );
  }
}
