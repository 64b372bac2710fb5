// Express with the usual middleware for this job.
import { Agent } from 'node:http';
import express from 'express';
import { auth } from 'express-oauth2-jwt-bearer';
import { createProxyMiddleware } from 'http-proxy-middleware';

const { AUDIENCE: audience, ISSUER: issuer, JWKS_URI: jwksUri, PORT, UPSTREAM: target } = process.env;
const app = express();
app.disable('x-powered-by');
app.use(auth({ issuer, audience, jwksUri, tokenSigningAlg: 'RS256' }));
app.use(
  createProxyMiddleware({
    target,
    agent: new Agent({ keepAlive: true, maxSockets: 256 }),
    on: {
      proxyReq(proxyRequest, request) {
        proxyRequest.removeHeader('authorization');
        proxyRequest.setHeader('x-user-id', request.auth.payload.sub);
      },
    },
  }),
);
// The fourth parameter makes it an error handler.
app.use((error, _request, response, _next) =>
  response.status(error.status ?? 500).json({ error: 'refused' }),
);
app.listen(Number(PORT), '127.0.0.1', 4096);
