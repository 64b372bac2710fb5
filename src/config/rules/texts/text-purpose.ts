import type { ConfigPath } from '../../problem.ts';

/** Texts with a syntax of their own, in which quotes, dollars and line breaks have a meaning. */
export function hasOwnSyntax(path: ConfigPath): boolean {
  const [section, , key] = path;
  return (
    section === 'tests' ||
    path.at(-1) === 'when' ||
    path.at(-1) === 'filter' ||
    (section === 'issuers' && key === 'jwks' && path[3] === 'keys')
  );
}

/** Header values and templates for them: what is in quotes there goes out in quotes. */
export function isHeaderValue(path: ConfigPath): boolean {
  const at = path.findIndex((step) => step === 'headers' || step === 'responseHeaders');
  return at !== -1 && at < path.length - 1 && path[at + 1] !== undefined && !isCorsList(path, at);
}

/** Claim values and roles are compared with what people have typed into a directory. */
export function isClaimValue(path: ConfigPath): boolean {
  const at = path.findIndex((step) => step === 'claims' || step === 'roles');
  return at !== -1 && at < path.length - 1 && !path.includes('claim');
}

/** `cors.headers` is a list of names. */
function isCorsList(path: ConfigPath, at: number): boolean {
  return path[at - 1] === 'cors';
}
