import * as z from 'zod';
import { text } from '../scalars.ts';

/* `logout` and `events` of issuers. */

const visible = z.string().regex(/^[\x21-\x7e]+$/, 'expected visible ASCII characters, without spaces');

export const logout = z
  .strictObject({
    clientId: visible.meta({
      description: 'The client whose sessions end: `aud` of logout tokens must have it.',
      examples: ['gateway'],
    }),
  })
  .meta({
    description:
      'Accepts logout tokens of this issuer (OpenID Connect Back-Channel Logout 1.0) at `/.well-known/sealgate/logout/` and the name of the issuer. Its tokens of that session, or of that subject up to then, are revoked.',
  });

export const events = z
  .strictObject({
    issuer: text.meta({
      description: 'The exact `iss` of its security events: the transmitter.',
      examples: ['https://ssf.example.com'],
    }),
    jwksUri: z.url({ protocol: /^https?$/ }).meta({
      description:
        'URL of the keys of the transmitter. They are fetched by the rules of `keys`, without its `headers` and `snapshot`.',
      examples: ['https://ssf.example.com/jwks'],
    }),
    audience: visible.meta({
      description: '`aud` of security events must have it, as agreed with the transmitter.',
      examples: ['https://api.example.com'],
    }),
  })
  .meta({
    description:
      'Accepts security events about the users of this issuer, pushed (RFC 8935) to `/.well-known/sealgate/events/` and the name of the issuer. CAEP `session-revoked` revokes tokens; other events are confirmed without effect.',
  });
