import * as z from 'zod';
import { REFUSALS, type RefusalCode } from '../../core/refusals.ts';
import { duration, headerName, name, text } from './scalars.ts';

/* `tests`. */

const CODES = Object.keys(REFUSALS) as [RefusalCode, ...RefusalCode[]];

const testToken = z
  .strictObject({
    issuer: name.optional().meta({ description: 'Its issuer; optional where the file has only one.' }),
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
      .meta({ description: 'Its audiences; by default all that the file accepts from this issuer.' }),
    authAge: duration.optional().meta({
      description: 'How long ago its user authenticated, for its `auth_time`; none when left out.',
      examples: ['5m'],
    }),
    bound: z
      .enum(['dpop', 'mtls'])
      .optional()
      .meta({
        description:
          'What it is bound to: a key of the client, of which the request has a proof (`dpop`), or the client certificate of the request (`mtls`).',
        examples: ['dpop'],
      }),
    introspected: z.literal(true).optional().meta({
      description: 'It is opaque, and its claims are what the provider states when it is asked about it.',
    }),
    claims: z
      .record(text, z.unknown())
      .optional()
      .meta({
        description: 'Further claims; they replace those that it would have.',
        examples: [{ tenant: 'acme' }],
      }),
  })
  .meta({ description: 'A token made for the test, with a throw-away key.' });

const REQUEST = z
  .string()
  .regex(/^[A-Z]+ (?:https?:\/\/[^\s/]+)?\/\S*$/, 'expected a method and a path or URL')
  .optional()
  .meta({ description: 'Method and path or URL.', examples: ['GET https://api.example.com/orders/7'] });

/** What a test and a row of its table can both have. */
const PARTS = {
  request: REQUEST,
  mcp: z
    .string()
    .regex(
      /^[^\s\p{Cc}]+(?: [^\s\p{Cc}][^\p{Cc}]*)?$/u,
      'expected a method of MCP, with the name or URI that it is about behind one space',
    )
    .optional()
    .meta({
      description:
        'The message that the request brings to an MCP server: a method, and behind one space the name or URI it is about.',
      examples: ['tools/call search', 'resources/read file:///docs/a', 'tools/list'],
    }),
  headers: z
    .record(headerName, text)
    .optional()
    .meta({
      description: 'Further header fields of the request.',
      examples: [{ origin: 'https://a.example' }],
    }),
  expect: z
    .enum(['allow', ...CODES])
    .optional()
    .meta({ description: '`allow`, or the code of the refusal.', examples: ['insufficient_scope'] }),
  identity: z
    .record(headerName, z.union([text, z.null()]))
    .optional()
    .meta({
      description: 'Identity headers that the backend must get, or null for one that it must not get.',
      examples: [{ 'x-user-id': 'alice' }],
    }),
};

/** Bounds what one test of the file can cost a reload. */
const MAX_ROWS = 5000;

const testRow = z
  .strictObject({
    name: text.optional().meta({
      description: 'What this row checks; by default its number.',
      examples: ['a reader reads'],
    }),
    token: testToken.nullable().optional().meta({
      description: 'The token of this row, merged over that of the test key by key; null for none.',
    }),
    ...PARTS,
  })
  .meta({ description: 'A test: what it has replaces what the test around it has.' });

export const fileTest = z
  .strictObject({
    name: text.meta({ description: 'What the test checks.', examples: ['a reader reads'] }),
    token: testToken.optional().meta({ description: 'The token of the request; none when left out.' }),
    ...PARTS,
    each: z
      .array(testRow)
      .min(1, 'expected at least one row')
      .max(MAX_ROWS, `expected at most ${MAX_ROWS} rows`)
      .optional()
      .meta({
        description:
          'Rows: each is a test of its own, merged over the rest of this one. `token`, its `claims`, `headers` and `identity` merge key by key; everything else is replaced.',
        examples: [[{ token: { scopes: ['orders:read'] }, expect: 'allow' }]],
      }),
  })
  .meta({
    description:
      'A test of the rules of this file; `sealgate check` runs it. It needs `request` and `expect`, of its own or in each row.',
  });
