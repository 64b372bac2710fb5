/** The path of a route, taken apart at load. */
export interface PathPattern {
  /** Once-decoded segments; null stands for a parameter. `/` has none. */
  readonly segments: readonly (string | null)[];
  readonly parameters: readonly PathParameter[];
}

export interface PathParameter {
  readonly name: string;
  /** Which segment of the request's path is its value. */
  readonly at: number;
}

/** Takes the path of a route apart, or says what is wrong with it. One trailing slash makes no difference. */
export function parsePathPattern(path: string): PathPattern | { readonly fault: string } {
  if (!path.startsWith('/')) return { fault: 'a path starts with "/"' };
  if (path.includes('*')) {
    return { fault: 'a path has no "*": a prefix is the default, `exact: true` takes it away' };
  }
  if (/[?#\\;]/.test(path)) return { fault: 'a path has no query, fragment, backslash or ";"' };
  const trimmed = path.endsWith('/') ? path.slice(1, -1) : path.slice(1);
  const segments: (string | null)[] = [];
  const parameters: PathParameter[] = [];
  for (const raw of path === '/' ? [] : trimmed.split('/')) {
    if (raw.startsWith(':')) {
      const name = raw.slice(1);
      if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) return { fault: `":${name}" is not a parameter name` };
      if (parameters.some((other) => other.name === name)) return { fault: `":${name}" is there twice` };
      parameters.push({ name, at: segments.length });
      segments.push(null);
      continue;
    }
    const segment = decodeSegment(raw);
    if (segment === undefined) return { fault: `"${raw}" is not a readable path segment` };
    segments.push(segment);
  }
  return { segments, parameters };
}

/** A segment that no request could match, because its target would be refused as ambiguous, is none. */
function decodeSegment(raw: string): string | undefined {
  try {
    const segment = decodeURIComponent(raw);
    const isReachable =
      // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is refused.
      segment !== '' && segment !== '.' && segment !== '..' && !/[/\\\u0000-\u001f\u007f]/.test(segment);
    return isReachable ? segment : undefined;
  } catch {
    return undefined;
  }
}
