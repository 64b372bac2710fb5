import { readFileSync } from 'node:fs';
import t from 'tap';
import { parse } from 'yaml';
import { isDirectResponse } from '../../src/pipeline/messages/direct-response.ts';
import { loadText } from '../support/config/config-text.ts';
import { refusalOf } from '../support/pipeline/challenges.ts';
import { decideNow, gateOf, requestOf } from '../support/pipeline/gate.ts';

const page = readFileSync(new URL('../../docs/protected-resources.md', import.meta.url), 'utf8');

function block(language: string): string {
  return new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, 'ms').exec(page)?.[1] ?? '';
}

t.test('the file of the page has no problems, and clients get what the page shows', async (t) => {
  t.strictSame(loadText(block('yaml')).problems, []);
  const gate = await gateOf(parse(block('yaml')));
  const { challenge } = refusalOf(gate, requestOf('GET /orders/7'));
  t.equal(`WWW-Authenticate: ${challenge}`, block('http').trimEnd().split('\n')[1]);
  const { outcome } = decideNow(gate, requestOf('GET /.well-known/oauth-protected-resource/orders'));
  t.ok(isDirectResponse(outcome));
  t.strictSame(JSON.parse((outcome as { body: string }).body), JSON.parse(block('json')));
});
