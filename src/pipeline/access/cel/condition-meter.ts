import type { CelEnv, CelList, CelValue } from '@bufbuild/cel';
import { type Cost, compileCosts } from './condition-costs.ts';
import { APPEND, RANGE } from './condition-macros.ts';
import type { Patterns } from './condition-patterns.ts';
import { holdsInexact, INEXACT } from './inexact-value.ts';

type Cel = typeof import('@bufbuild/cel');
type FuncGroup = NonNullable<ReturnType<CelEnv['funcs']['find']>>;

/** What the evaluation that runs may still cost. One for all conditions: none of them waits. */
export interface Meter {
  stepsLeft: number;
  /** Whether the variables hold a number that stands for several values, so that comparisons have to look for it. */
  holdsInexact: boolean;
}

/**
 * Steps that one evaluation of a condition may take, of some quarter of a microsecond each. An entry that a macro visits is one or
 * more, by the size of the macro's body; functions cost by the length of the texts and lists that they are given.
 */
export const STEP_BUDGET = 10_000;

/** Thrown, since an error that is a value would be swallowed by `||` and the macros, and the evaluation would go on. */
class OutOfSteps extends Error {}

/**
 * The same environment with functions that pay for their work. The engine has no limit of its own, but looks its functions up here
 * when it plans an expression.
 */
export function meterFunctions(
  cel: Cel,
  env: CelEnv,
  { meter, patterns }: { readonly meter: Meter; readonly patterns: Patterns },
): CelEnv {
  const costs = compileCosts(cel);
  const costOfMatch: Cost = ([text, pattern]) =>
    typeof text === 'string' && typeof pattern === 'string' ? patterns.costOf(pattern, text.length) : 0;
  const find = (name: string): FuncGroup | undefined => {
    if (name.startsWith(RANGE)) return rangeOf(cel, meter, Number(name.slice(RANGE.length)));
    if (name === APPEND) return appendTo(cel);
    const group = env.funcs.find(name);
    const cost = name === 'matches' ? costOfMatch : costs.get(name);
    return group === undefined ? undefined : meterGroup(cel, group, { meter, cost });
  };
  const funcs: CelEnv['funcs'] = Object.create(env.funcs, { find: { value: find } });
  return Object.create(env, { funcs: { value: funcs } });
}

function take(meter: Meter, steps: number): void {
  meter.stepsLeft -= steps;
  if (meter.stepsLeft < 0) throw new OutOfSteps('the budget of steps is used up');
}

function meterGroup(
  cel: Cel,
  group: FuncGroup,
  { meter, cost }: { readonly meter: Meter; readonly cost: Cost | undefined },
): FuncGroup {
  const compare = COMPARISONS[group.name];
  return asGroup(group.name, (id, target, args) => {
    if (cost !== undefined) take(meter, cost(target === undefined ? args : [target, ...args]));
    if (meter.holdsInexact) {
      if (target === INEXACT || args.includes(INEXACT)) return cel.celError(NOT_COMPARED, id);
      const result = group.call(id, target, args);
      return compare?.(args, result) === true ? cel.celError(NOT_COMPARED, id) : result;
    }
    return group.call(id, target, args);
  });
}

const NOT_COMPARED = 'a number that stands for several values is not compared';

/** Whether a comparison depends on a number that stands for several values, which neither equals a value nor differs. */
const COMPARISONS: Readonly<
  Record<string, (args: readonly CelValue[], result: ReturnType<FuncGroup['call']>) => boolean>
> = {
  '_==_': (args) => args.some(holdsInexact),
  '_!=_': (args) => args.some(holdsInexact),
  '@in': ([value, range], result) => holdsInexact(value) || (result !== true && holdsInexact(range)),
};

/** Pays for all entries before a macro visits them: they are copied in any case. */
function rangeOf(cel: Cel, meter: Meter, stepsPerEntry: number): FuncGroup {
  return asGroup(RANGE, (_id, _target, [range]) => {
    take(meter, cel.isCelList(range) || cel.isCelMap(range) ? 1 + range.size * stepsPerEntry : 1);
    return range;
  });
}

/** Adds an entry to the list that a macro makes, in place: nothing else can see that list before it is whole. */
function appendTo(cel: Cel): FuncGroup {
  const entriesOf = new WeakMap<CelList, CelValue[]>();
  return asGroup(APPEND, (_id, _target, [list, entry]) => {
    const known = entriesOf.get(list as CelList);
    if (known !== undefined) {
      known.push(entry as CelValue);
      return list;
    }
    const entries = [entry as CelValue];
    const started = cel.celList(entries);
    entriesOf.set(started, entries);
    return started;
  });
}

function asGroup(name: string, call: FuncGroup['call']): FuncGroup {
  return { name, call, *[Symbol.iterator]() {} };
}
