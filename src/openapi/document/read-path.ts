import { isRoutePath, parseRoutePath, type RouteSegment } from '../../config/routes/route-path.ts';
import type { RoutePath } from './api-document.ts';

/** The path of a route for that of an operation; where there is none, one that takes all of its requests, and why. */
export function readPath(template: string): RoutePath {
  const path = template.replace(/[?#].*$/s, '');
  const reasons = [
    ...(path === template ? [] : ['a path has no query or fragment']),
    ...(/\/\/./.test(path) ? ['a path has no empty segments'] : []),
  ];
  const taken = new Set<string>();
  const segments: RouteSegment[] = [];
  for (const written of path.split('/')) {
    // One slash at the end is the same path here.
    if (written === '') continue;
    const parameter = /^\{([^{}]+)\}$/.exec(written)?.[1];
    const text = parameter === undefined ? decode(written) : undefined;
    if (text !== undefined) {
      segments.push({ kind: 'static', text });
      continue;
    }
    if (parameter === undefined) reasons.push(whyNot(written));
    segments.push({ kind: 'parameter', name: parameterName(parameter ?? 'part', taken) });
  }
  if (!template.startsWith('/')) reasons.unshift('a path begins with `/`');
  const [unsayable] = reasons;
  return unsayable === undefined ? { segments } : { segments, unsayable };
}

function whyNot(segment: string): string {
  return /[{}]/.test(segment)
    ? `a parameter is a whole segment, and \`${segment}\` is not`
    : `\`${segment}\` cannot be a segment of a route`;
}

export function writePath(segments: readonly RouteSegment[]): string {
  return `/${segments.map((one) => (one.kind === 'parameter' ? `:${one.name}` : one.text)).join('/')}`;
}

/** A segment of a path as requests have it after decoding; undefined where it cannot be the text of a route. */
export function decode(segment: string): string | undefined {
  let text: string;
  try {
    text = decodeURIComponent(segment);
  } catch {
    return undefined;
  }
  if (/^:|\//.test(text)) return undefined;
  return isRoutePath(parseRoutePath(`/${text}`)) ? text : undefined;
}

function parameterName(written: string, taken: Set<string>): string {
  const letters = written.replace(/[^A-Za-z0-9_]/g, '_').slice(0, 64);
  const base = /^[A-Za-z_]/.test(letters) ? letters : `_${letters}`;
  let name = base;
  for (let at = 2; taken.has(name); at += 1) name = `${base}_${at}`;
  taken.add(name);
  return name;
}
