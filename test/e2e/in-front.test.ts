import t from 'tap';
import { hasHaproxy, startHaproxy } from '../support/peers/haproxy.ts';
import { hasNginx, startNginxFront } from '../support/peers/nginx.ts';
import { checkFrontProxy } from './front-proxy-checks.ts';

const FRONTS = [
  { name: 'HAProxy', start: startHaproxy, skip: hasHaproxy ? false : 'haproxy is not installed' },
  { name: 'nginx', start: startNginxFront, skip: hasNginx ? false : 'nginx is not installed' },
] as const;

for (const { name, start, skip } of FRONTS) {
  t.test(`${name} in front, by the sample file`, { skip, timeout: 60_000 }, (t) => checkFrontProxy(t, start));
}
