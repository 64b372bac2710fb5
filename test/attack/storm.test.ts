import t from 'tap';
import { playStorm } from '../support/storm/storm.ts';
import { HTTP1_ENDINGS } from '../support/storm/storm-endings.ts';

t.test('over TCP, nothing is left of a storm of endings', { timeout: 0 }, async (t) => {
  const kinds = Object.values(HTTP1_ENDINGS).filter(({ needsTls }) => needsTls !== true);
  await playStorm(t, { kinds, isTls: false });
});
