import t from 'tap';
import { CONNECTION_ENDINGS } from './http2-connections.ts';
import { STREAM_ENDINGS } from './http2-streams.ts';
import { playStorm, skipTls } from './storm.ts';

t.test('over HTTP/2, nothing is left of a storm of endings', { skip: skipTls, timeout: 0 }, async (t) => {
  await playStorm(t, { kinds: Object.values({ ...STREAM_ENDINGS, ...CONNECTION_ENDINGS }), isTls: true });
});
