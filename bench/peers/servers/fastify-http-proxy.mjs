// @fastify/http-proxy as in its documentation, without any check.
import proxy from '@fastify/http-proxy';
import Fastify from 'fastify';

const app = Fastify();
app.register(proxy, { upstream: process.env.UPSTREAM, undici: { connections: 256, pipelining: 1 } });
await app.listen({ port: Number(process.env.PORT), host: '127.0.0.1', backlog: 4096 });
