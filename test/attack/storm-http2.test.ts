import t from 'tap';
import { playStorm, skipTls } from '../support/storm/storm.ts';
import { CONNECTION_ENDINGS } from '../support/storm-http2-connections.ts';
import { STREAM_ENDINGS } from '../support/storm-http2-streams.ts';

t.test('over HTTP/2, nothing is left of a storm of endings', { skip: skipTls, timeout: 0 }, async (t) => {
  await playStorm(t, { kinds: Object.values({ ...STREAM_ENDINGS, ...CONNECTION_ENDINGS }), isTls: true });
});
