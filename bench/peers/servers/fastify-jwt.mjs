// @fastify/http-proxy with Fastify's own plugins: @fastify/jwt over get-jwks, with fast-jwt's cache.
import proxy from '@fastify/http-proxy';
import jwt from '@fastify/jwt';
import Fastify from 'fastify';
import buildGetJwks from 'get-jwks';

const { AUDIENCE, ISSUER, ISSUER_ORIGIN, PORT, UPSTREAM } = process.env;
const getJwks = buildGetJwks();
const app = Fastify();

app.register(jwt, {
  decode: { complete: true },
  secret: (_request, { header: { kid, alg } }) => getJwks.getPublicKey({ kid, alg, domain: ISSUER_ORIGIN }),
  verify: { allowedIss: ISSUER, allowedAud: AUDIENCE, cache: true },
});

app.register(proxy, {
  upstream: UPSTREAM,
  undici: { connections: 256, pipelining: 1 },
  async preHandler(request, reply) {
    try {
      await request.jwtVerify();
    } catch {
      return reply.code(401).send({ error: 'unauthorized' });
    }
  },
  replyOptions: {
    rewriteRequestHeaders: (request, headers) => ({
      ...headers,
      authorization: undefined,
      'x-user-id': request.user.sub,
    }),
  },
});
await app.listen({ port: Number(PORT), host: '127.0.0.1', backlog: 4096 });
