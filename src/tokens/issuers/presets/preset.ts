import type { PathProblem } from '../../../config/problem.ts';
import type { IssuerConfig } from '../../../config/schema/config.ts';
import type { ProviderRules } from '../../compiled-issuer.ts';

/** The keys of an issuer that only certain presets know. */
export type PresetField = 'tenant' | 'tenants' | 'team' | 'project' | 'userPool';

/** What a provider's own words come to. */
export interface Derived {
  /** The exact `iss` values; the first is the one that metadata is asked for. */
  readonly issuers: readonly string[];
  /** Where the keys are, where that is fixed. Found by discovery otherwise. */
  readonly jwksUri?: string;
  readonly rules?: ProviderRules;
}

/** A problem of one issuer; its path starts below the issuer. */
export type PresetProblem = Pick<PathProblem, 'severity' | 'path' | 'message' | 'hint'>;

/** Habits of a provider: defaults under the file's own values, and the unsafe uses to refuse (docs/providers.md). */
export interface Preset {
  /** Keys beside the common ones that this preset reads. */
  readonly fields: readonly PresetField[];
  readonly defaults?: Partial<
    Pick<IssuerConfig, 'algorithms' | 'tokenTypes' | 'idTokens' | 'scopeClaims' | 'roleClaims'>
  >;
  /** Derives settings from `issuer` and the fields, or returns problems when these are incomplete or contradict each other. */
  readonly derive: (config: IssuerConfig) => Derived | readonly PresetProblem[];
  /** What is unsafe or unwise about this use. */
  readonly check?: (config: IssuerConfig, issuer: string | undefined) => readonly PresetProblem[];
  /** Where the keys are known to be below the issuer, should there be no metadata. */
  readonly keysPath?: string;
  /** Claims that must be present whatever the file requires. */
  readonly requiredClaims?: readonly string[];
  /** Headers in which the provider puts the token, lower case. */
  readonly tokenHeaders?: readonly string[];
  /** A hint shown with an audience that does not match. */
  readonly audienceHint?: string;
  /** Claims of which a route must compare one, since anybody can get a token for any audience. */
  readonly conditionClaims?: readonly string[];
}

/** For providers whose issuer has to be written out. */
export function issuerAsWritten(example: string): Preset['derive'] {
  return ({ issuer }) =>
    issuer === undefined
      ? [{ severity: 'error', path: ['issuer'], message: 'issuer is required', hint: `such as ${example}` }]
      : { issuers: [issuer] };
}

/** For providers of which there is only one. Another issuer is a test double. */
export function fixedIssuer(issuers: readonly string[], jwksUri?: string): Preset['derive'] {
  return (config) => {
    if (config.issuer !== undefined && !issuers.includes(config.issuer)) return { issuers: [config.issuer] };
    return { issuers, ...(jwksUri !== undefined && { jwksUri }) };
  };
}

/** For providers whose issuer is made from one name: that name or the issuer itself, not both. */
export function issuerFromField(
  field: PresetField,
  make: (name: string) => string | undefined,
  expected: string,
): Preset['derive'] {
  return (config) => {
    const value = config[field];
    const error = (path: string, message: string): readonly PresetProblem[] => [
      { severity: 'error', path: [path], message, hint: expected },
    ];
    if (value === undefined) {
      return config.issuer === undefined
        ? error('issuer', `either \`${field}\` or \`issuer\` is required`)
        : { issuers: [config.issuer] };
    }
    const issuer = typeof value === 'string' ? make(value) : undefined;
    if (issuer === undefined) return error(field, `not a valid \`${field}\``);
    if (config.issuer !== undefined && config.issuer !== issuer) {
      return error('issuer', `\`issuer\` and \`${field}\` contradict each other`);
    }
    return { issuers: [issuer] };
  };
}
