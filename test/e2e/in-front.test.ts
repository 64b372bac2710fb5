import t from 'tap';
import { hasHaproxy, startHaproxy } from '../support/haproxy.ts';
import { holdFront } from '../support/hold-front.ts';
import { hasNginx } from '../support/nginx.ts';
import { startNginxFront } from '../support/nginx-front.ts';

const FRONTS = [
  { name: 'HAProxy', start: startHaproxy, skip: hasHaproxy ? false : 'haproxy is not installed' },
  { name: 'nginx', start: startNginxFront, skip: hasNginx ? false : 'nginx is not installed' },
] as const;

for (const { name, start, skip } of FRONTS) {
  t.test(`${name} in front, by the sample file`, { skip, timeout: 60_000 }, (t) => holdFront(t, start));
}
