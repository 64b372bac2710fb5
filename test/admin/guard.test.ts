import t from 'tap';
import { type AdminRequest, createAdminGuard } from '../../src/admin/guard.ts';

const LOCAL: AdminRequest = {
  method: 'GET',
  peerAddress: '127.0.0.1',
  host: '127.0.0.1:9090',
  origin: undefined,
  authorization: undefined,
};
const FAR: Partial<AdminRequest> = { peerAddress: '10.0.0.9' };
const TOKEN = 's3cret';

const cases: { name: string; token?: string; request: Partial<AdminRequest>; status: number | undefined }[] =
  [
    { name: 'the machine itself', request: {}, status: undefined },
    { name: 'the machine itself by name', request: { host: 'localhost:9090' }, status: undefined },
    { name: 'the machine over IPv6', request: { peerAddress: '::1', host: '[::1]:9090' }, status: undefined },
    {
      name: 'the machine on a dual-stack socket',
      request: { peerAddress: '::ffff:127.0.0.1' },
      status: undefined,
    },
    { name: 'the machine itself although a token is set', token: TOKEN, request: {}, status: undefined },
    { name: 'another machine', request: FAR, status: 403 },
    { name: 'another machine with a local Host', request: { ...FAR, host: 'localhost' }, status: 403 },
    {
      name: 'another machine with a token nobody set',
      request: { ...FAR, authorization: 'Bearer ' },
      status: 403,
    },
    { name: 'another machine without the token', token: TOKEN, request: FAR, status: 401 },
    {
      name: 'another machine with the token',
      token: TOKEN,
      request: { ...FAR, host: 'sealgate.internal', authorization: `Bearer ${TOKEN}` },
      status: undefined,
    },
    {
      name: 'another machine with the token and the scheme in lower case',
      token: TOKEN,
      request: { ...FAR, authorization: `bearer ${TOKEN}` },
      status: undefined,
    },
    {
      name: 'another machine with part of it',
      token: TOKEN,
      request: { ...FAR, authorization: 'Bearer s3cre' },
      status: 401,
    },
    {
      name: 'another machine with another scheme',
      token: TOKEN,
      request: { ...FAR, authorization: 'Basic s3cret' },
      status: 401,
    },
    {
      name: 'the machine with a wrong token',
      token: TOKEN,
      request: { authorization: 'Bearer wrong' },
      status: 401,
    },
    {
      name: 'a page whose name resolves to this machine',
      request: { host: 'evil.example:9090' },
      status: 403,
    },
    { name: 'a page on a name that looks local', request: { host: 'localhost.evil.example' }, status: 403 },
    { name: 'no Host at all', request: { host: undefined }, status: 403 },
    {
      name: 'a form of another origin',
      request: { method: 'POST', origin: 'https://evil.example' },
      status: 403,
    },
    { name: 'a form of an opaque origin', request: { method: 'POST', origin: 'null' }, status: 403 },
    {
      name: 'a form of another port',
      request: { method: 'POST', origin: 'http://127.0.0.1:8080' },
      status: 403,
    },
    {
      name: 'the page itself',
      request: { method: 'POST', origin: 'http://127.0.0.1:9090' },
      status: undefined,
    },
    { name: 'a peer without an address', request: { peerAddress: '' }, status: 403 },
  ];

for (const { name, token, request, status } of cases) {
  t.test(`${name} is ${status === undefined ? 'let in' : `refused with ${status}`}`, async (t) => {
    t.equal(createAdminGuard(token)({ ...LOCAL, ...request })?.status, status);
  });
}
