import t from 'tap';
import { HTTP1_ENDINGS } from './http1-endings.ts';
import { playStorm } from './storm.ts';

t.test('over TCP, nothing is left of a storm of endings', { timeout: 0 }, async (t) => {
  const kinds = Object.values(HTTP1_ENDINGS).filter(({ needsTls }) => needsTls !== true);
  await playStorm(t, { kinds, isTls: false });
});
