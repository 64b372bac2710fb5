import fc from 'fast-check';
import t from 'tap';
import { millisText } from '../../src/telemetry/millis-text.ts';

t.test('a duration is written as String writes it, once rounded to microseconds', async (t) => {
  for (const ms of [0, 0.001, 0.01, 0.1, 0.12, 0.123, 1, 1.05, 9.999, 10, 999.999, 1000, 86_400_000.5]) {
    t.equal(millisText(ms), String(ms));
  }
  fc.assert(
    fc.property(fc.double({ min: 0, max: 1e9, noNaN: true }), (ms) => {
      return millisText(ms) === String(Math.round(ms * 1000) / 1000);
    }),
  );
});
