import t from 'tap';
import { playStorm, skipTls } from '../support/storm/storm.ts';
import { HTTP1_ENDINGS } from '../support/storm/storm-endings.ts';

t.test('over TLS, nothing is left of a storm of endings', { skip: skipTls, timeout: 0 }, async (t) => {
  await playStorm(t, { kinds: Object.values(HTTP1_ENDINGS), isTls: true });
});
