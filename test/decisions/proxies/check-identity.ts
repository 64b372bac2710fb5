import type { Test } from 'tap';
import { type AskingHarness, bearer, valuesOf } from './asking-harness.ts';

/** Characters that a name may have in the place of `-` (RFC 9110 §5.6.2). */
const SEPARATORS = [..."_.!#$%&'*+^`|~"];
const NAMES = ['x-user-id', 'x-user-email', 'x-user-scopes', 'x-user-issuer'];

function spellings(name: string): readonly string[] {
  const words = name.split('-');
  return [
    name,
    name.toUpperCase(),
    ...SEPARATORS.flatMap((separator) => [
      words.join(separator),
      `${words[0]}-${words.slice(1).join(separator)}`,
    ]),
  ];
}

/** The backend gets the identity that the gateway found, once, and nothing that could pass for it, whatever the client sends. */
export async function checkIdentity(t: Test, harness: AskingHarness): Promise<void> {
  const { send, sendAllowed, arrived } = harness;
  const request = await sendAllowed('GET /orders/7 HTTP/1.1', [bearer({ email: 'ada@example.com' })]);
  t.strictSame(valuesOf(request, 'x-user-id'), ['ada']);
  t.strictSame(valuesOf(request, 'x-user-issuer'), ['https://issuer.example.com']);
  t.strictSame(valuesOf(request, 'x-user-scopes'), ['orders:read']);
  t.strictSame(valuesOf(request, 'x-user-email'), ['ada@example.com']);
  t.equal(valuesOf(request, 'x-request-id').length, 1);

  const expected: Readonly<Record<string, readonly string[]>> = {
    'x-user-id': ['ada'],
    'x-user-email': [],
    'x-user-scopes': ['orders:read'],
    'x-user-issuer': ['https://issuer.example.com'],
  };
  /** A spoofed field may be dropped or make the request refused. It never arrives. */
  const spoof = async (lines: readonly string[]) => {
    const before = arrived.length;
    const { status } = await send('GET /orders/7 HTTP/1.1', [bearer(), ...lines]);
    const [got] = arrived.slice(before);
    t.ok(status === 200 || status === 400, `${lines}: ${status}`);
    t.equal(got !== undefined, status === 200, `${lines}`);
    if (got === undefined) return status;
    for (const name of NAMES) t.strictSame(valuesOf(got, name), expected[name], `${name} with ${lines}`);
    t.notMatch(JSON.stringify(got.fields), /evil|http\.reverse_proxy/, `${lines}`);
    return status;
  };

  for (const name of NAMES) for (const spelling of spellings(name)) await spoof([`${spelling}: evil`]);
  t.equal(await spoof(['X-User-Id: evil', 'X-User-Id: evil2', 'x-user-email: evil']), 200, 'twice');
  t.equal(
    await spoof(['X_User_Id: evil', 'X.User.Email: evil']),
    200,
    'the usual spellings cost a client nothing',
  );

  t.comment('with Connection');
  for (const name of [...NAMES, 'x_user_id', 'x-request-id', 'authorization', 'x-forwarded-for']) {
    for (const value of [name, `close, ${name}`, `keep-alive,${name.toUpperCase()}`]) {
      t.equal(await spoof([`Connection: ${value}`]), 200, value);
      if (name !== 'authorization') await spoof([`Connection: ${value}`, `${name}: evil`]);
    }
    await spoof([`Connection: ${name}`, `Connection: close`, `Keep-Alive: timeout=5`]);
  }

  t.comment('of the gateway');
  for (const name of [
    'x-sealgate-assertion',
    'x_sealgate_assertion',
    'X-Sealgate-Anything',
    'x-sealgate-status',
  ])
    await spoof([`${name}: evil`]);

  t.comment('without a token, on a public route');
  for (const name of NAMES) {
    const before = arrived.length;
    await send('GET /public HTTP/1.1', [`${name}: evil`, `${name.replaceAll('-', '_')}: evil`]);
    for (const got of arrived.slice(before)) t.strictSame(valuesOf(got, name), []);
  }
}

/** A value with characters that mean something to a proxy's configuration arrives as it is encoded. */
export async function checkIdentityValues(t: Test, { sendAllowed }: AskingHarness): Promise<void> {
  const email = '{env.HOME} ${host} $host %[src] {http.reverse_proxy.header.Authorization} é,"\r\n';
  const got = await sendAllowed('GET /orders HTTP/1.1', [bearer({ email })]);
  t.strictSame(valuesOf(got, 'x-user-email').map(decodeURIComponent), [email]);
}

/** The token goes to the backend where the route forwards it, and nowhere else. */
export async function checkTokens(t: Test, { send, sendAllowed, sendRefused }: AskingHarness): Promise<void> {
  const own = bearer();
  const isFound = (fields: readonly string[]) => fields.some((field) => field.includes(own.slice(-40)));
  t.strictSame(valuesOf(await sendAllowed('GET /forwarding HTTP/1.1', [own]), 'authorization'), [
    own.slice(15),
  ]);
  t.notOk(isFound((await sendAllowed('GET /orders HTTP/1.1', [own])).fields));
  t.notOk(isFound((await sendAllowed('GET /orders HTTP/1.1', [own, 'authorization_: x'])).fields) && 'also');
  const session = own.slice('Authorization: Bearer '.length);
  t.equal((await sendRefused('GET /cookie HTTP/1.1', [`Cookie: a=b; session=${session}`])).status, 400);
  t.equal((await sendRefused(`GET /query?access_token=${session} HTTP/1.1`)).status, 400);
  t.equal((await send('GET /public HTTP/1.1', ['Cookie: a=b'])).status, 200);
}
