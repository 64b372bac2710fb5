/** How a route's requests are spelled for the backend; settled at load. */
export interface UpstreamPath {
  /** Segments of the raw path that the rewrite replaces; 0 together with an empty `front` changes nothing. */
  readonly cut: number;
  /** What is put in their place: empty, or a path without a slash at its end. */
  readonly front: string;
  /** True when the rewrite was written with a final slash, which then stands where nothing follows. */
  readonly slash: boolean;
}

const UNCHANGED: UpstreamPath = { cut: 0, front: '', slash: false };

/** Compiles a route's `rewrite`: it replaces the first `depth` segments, those of the route's own `path`. */
export function compileUpstreamPath(rewrite: string | undefined, depth: number): UpstreamPath {
  if (rewrite === undefined) return UNCHANGED;
  return { cut: depth, front: withoutFinalSlash(rewrite), slash: rewrite.endsWith('/') };
}

/** The path of an upstream URL as a prefix: `/` is none, a final slash does not double. */
export function pathPrefix(urlPath: string): string {
  return withoutFinalSlash(urlPath);
}

/**
 * The path towards the backend, without the upstream's own prefix. What is not replaced goes up byte for byte;
 * no decoded parameter ever enters. The result starts with exactly one slash.
 */
export function upstreamPath({ cut, front, slash }: UpstreamPath, rawPath: string): string {
  if (cut === 0 && front === '') return rawPath;
  const rest = rawPath.slice(endOfSegments(rawPath, cut));
  if (rest !== '') return front === '' ? `/${rest.replace(/^\/+/, '')}` : front + rest;
  return slash || front === '' ? `${front}/` : front;
}

/** The part of a raw path that is replaced, as this request has it: empty, or a path without a slash at its end. */
export function replacedPrefix({ cut }: UpstreamPath, rawPath: string): string {
  return rawPath.slice(0, endOfSegments(rawPath, cut));
}

/**
 * What stands before the path that the backend sees to make the one that the client sees; `outside` and `inside` are the fronts of these. Empty where nothing
 * does: `/orders` in place of `/v2/orders` takes nothing off.
 */
export function takenPrefix(outside: string, inside: string): string {
  if (!outside.endsWith(inside)) return '';
  const taken = outside.slice(0, outside.length - inside.length);
  // Frameworks read a list of prefixes there.
  return taken.includes(',') ? taken.replaceAll(',', '%2C') : taken;
}

/** The index where `count` segments of a raw path end: at the next slash, or at the end of the path. */
function endOfSegments(path: string, count: number): number {
  let at = 0;
  for (let seen = 0; seen < count; seen++) {
    const next = path.indexOf('/', at + 1);
    if (next === -1) return path.length;
    at = next;
  }
  return at;
}

function withoutFinalSlash(path: string): string {
  return path.endsWith('/') ? path.slice(0, -1) : path;
}
