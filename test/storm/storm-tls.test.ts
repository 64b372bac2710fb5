import t from 'tap';
import { HTTP1_ENDINGS } from './http1-endings.ts';
import { playStorm, skipTls } from './storm.ts';

t.test('over TLS, nothing is left of a storm of endings', { skip: skipTls, timeout: 0 }, async (t) => {
  await playStorm(t, { kinds: Object.values(HTTP1_ENDINGS), isTls: true });
});
