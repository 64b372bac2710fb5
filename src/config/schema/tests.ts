import * as z from 'zod';
import { REFUSALS, type RefusalCode } from '../../core/refusals.ts';
import { headerName, name, text } from './scalars.ts';

/* `tests`. */

const CODES = Object.keys(REFUSALS) as [RefusalCode, ...RefusalCode[]];

const testToken = z
  .strictObject({
    issuer: name
      .optional()
      .meta({ description: 'Who issued it; may be left out where there is one issuer.' }),
    scopes: z
      .array(text)
      .optional()
      .meta({ description: 'Its scopes.', examples: [['orders:read']] }),
    roles: z
      .array(text)
      .optional()
      .meta({ description: 'Its roles.', examples: [['reader']] }),
    audiences: z
      .array(text)
      .optional()
      .meta({ description: 'Its audiences; by default all that the file accepts of this issuer.' }),
    claims: z
      .record(text, z.unknown())
      .optional()
      .meta({ description: 'Further claims, or others than it would have.', examples: [{ tenant: 'acme' }] }),
  })
  .meta({ description: 'A token that is made for the test, with a key that nobody keeps.' });

export const fileTest = z
  .strictObject({
    name: text.meta({ description: 'What the test shows.', examples: ['a reader reads'] }),
    token: testToken.optional().meta({ description: 'The token of the request; none when left out.' }),
    request: z
      .string()
      .regex(/^[A-Z]+ (?:https?:\/\/[^\s/]+)?\/\S*$/, 'expected a method and a path or URL')
      .meta({ description: 'Method and path or URL.', examples: ['GET https://api.example.com/orders/7'] }),
    headers: z
      .record(headerName, text)
      .optional()
      .meta({
        description: 'Further header fields of the request.',
        examples: [{ origin: 'https://a.example' }],
      }),
    expect: z
      .enum(['allow', ...CODES])
      .meta({ description: '`allow`, or the code of the refusal.', examples: ['insufficient_scope'] }),
    identity: z
      .record(headerName, z.union([text, z.null()]))
      .optional()
      .meta({
        description: 'Identity headers the backend must be told, or null for one it must not be told.',
        examples: [{ 'x-user-id': 'alice' }],
      }),
  })
  .meta({ description: 'A question to the rules of this file; `sealgate check` asks it.' });
