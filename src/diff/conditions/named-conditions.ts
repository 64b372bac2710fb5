import { randomUUID } from 'node:crypto';
import type { Config } from '../../config/schema/config.ts';
import {
  type Condition,
  type ConditionCompiler,
  loadConditionCompiler,
} from '../../pipeline/access/cel/condition.ts';
import type { FilteredRequest } from '../../pipeline/messages/request.ts';
import type { Route } from '../../pipeline/route.ts';
import { all, type Formula, normalize, toFormula } from './condition-formula.ts';

/** The claim of tokens of a comparison that lists the parts of conditions which hold for them. Random: no rule of a file can read it. */
export const HELD_CONDITIONS = `held-${randomUUID()}`;

/** Conditions as formulas of parts with names: a part holds for a token that lists it. */
export interface NamedConditions {
  readonly compiler: ConditionCompiler;
  /** What must hold where all of these conditions stand together on a route. */
  formulaOf(sources: readonly string[], route: Pick<Route, 'pattern'>): Formula;
}

/**
 * Two parts with one text are one, wherever they stand; of others nothing is known, so that what depends on them counts as different.
 * `issuers` distinguishes the names that the file has for issuers, where files have different ones. Undefined in files without conditions.
 */
export async function nameConditions(config: Config, issuers: string): Promise<NamedConditions | undefined> {
  if (!JSON.stringify([config.policies, config.routes]).includes('"when"')) return undefined;
  const real = await loadConditionCompiler();
  const formulas = new Map<string, Formula>();

  function partsOf(source: string, parameters: readonly string[]): Formula {
    const isCondition = (part: string): boolean => real.compile(part, parameters).condition !== undefined;
    const known = formulas.get(source) ?? toFormula(source, isCondition);
    formulas.set(source, known);
    return known;
  }

  function formulaOf(sources: readonly string[], { pattern }: Pick<Route, 'pattern'>): Formula {
    const names = pattern.parameters.map(({ name }) => name);
    const formula = all(sources.map((source) => partsOf(source, names)));
    return normalize(formula.map((parts) => parts.map((part) => nameOf(part, pattern.parameters, issuers))));
  }

  return {
    formulaOf,
    compiler: {
      compile(source, parameters) {
        const { condition, problems } = real.compile(source, parameters);
        if (condition === undefined) return { problems };
        const evaluate: Condition['evaluate'] = ({ claims }, request) => {
          const held = claims[HELD_CONDITIONS];
          const holds = (parts: readonly string[]): boolean =>
            Array.isArray(held) && parts.every((part) => held.includes(part));
          return { kind: formulaOf([source], routeOf(request)).some(holds) ? 'true' : 'false' };
        };
        return { condition: { ...condition, asksRequest: true, evaluate, show: () => ({}) }, problems };
      },
    },
  };
}

/** The requests that the pipeline has conditions evaluated for know their route. */
function routeOf(request: FilteredRequest): Pick<Route, 'pattern'> {
  return (request as FilteredRequest & { readonly route: Route }).route;
}

/** A part means the same where what it reads is the same: the segments behind its parameters, and the issuers behind their names. */
function nameOf(part: string, parameters: Route['pattern']['parameters'], issuers: string): string {
  const ofPath = part.replace(/(?<![\w.])params\.([A-Za-z_]\w*)/g, (written, name: string) => {
    const at = parameters.find((parameter) => parameter.name === name)?.at;
    return at === undefined ? written : `segment ${at + 1} of the path`;
  });
  const places = parameters.map(({ name, at }) => `${name}: segment ${at + 1}`).join(', ');
  const named = /(?<![\w.])params\b/.test(ofPath) ? `${ofPath} (of ${places})` : ofPath;
  const readsIssuer = /(?<![\w.])token(?!\.(?:scopes|roles|client|audiences)\b)/.test(part);
  return readsIssuer && issuers !== '' ? `${named} (${issuers})` : named;
}
