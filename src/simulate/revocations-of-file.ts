import type { Config } from '../config/schema/config.ts';
import { refuse } from '../core/refusals.ts';
import type { Clock } from '../core/time/clock.ts';
import { loadRevocationFile } from '../tokens/revocation/file/load-revocation-file.ts';
import { describeRevocation, type RevocationCheck } from '../tokens/revocation/revocation-check.ts';

export interface RevocationsOfFileOptions {
  readonly resolvePath: (path: string) => string;
  readonly clock: Clock;
  /** Whether a refusal names the value that the entry and the token share. */
  readonly showClaims: boolean;
}

const CLAIMS = { jti: 'jti', sid: 'sid', subject: 'sub' } as const;

/** What the `revocation.file` of a valid configuration revokes; undefined where it names none. Throws where it cannot be read. */
export async function revocationsOfFile(
  { revocation: { file, keep } }: Pick<Config, 'revocation'>,
  { resolvePath, clock, showClaims }: RevocationsOfFileOptions,
): Promise<RevocationCheck | undefined> {
  if (file === undefined) return undefined;
  const index = await loadRevocationFile(resolvePath(file), { clock, keepMs: keep });
  const check: RevocationCheck = {
    revision: 0,
    refuse(token) {
      const found = index.find(token);
      if (found === undefined) return undefined;
      const claim = CLAIMS[found.kind];
      const value = showClaims ? ` (\`${claim}\` is ${JSON.stringify(token.claims[claim])})` : '';
      return refuse('token_revoked', `${describeRevocation(found)}${value}`, { issuer: token.issuer });
    },
    refuseRevoked: (token) => check.refuse(token),
  };
  return check;
}
