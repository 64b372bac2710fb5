import type { parse } from '@bufbuild/cel';

export type Expression = ReturnType<typeof parse>['expr'];
type Kind<C> = Extract<Expression['exprKind'], { readonly case: C }>['value'];

/** Functions that no condition can name: the first has the steps for each entry behind it. */
export const RANGE = '@range/';
export const APPEND = '@append';

/** Parts of an expression that take one step together. */
const PARTS_PER_STEP = 4;

/**
 * The same expression with macros that pay for what they visit, and that add to their lists in place. As they are written, `map` and
 * `filter` make a list of lists of lists, which takes the square of its length to read.
 */
export function meterMacros(expression: Expression): Expression {
  const { exprKind } = expression;
  switch (exprKind.case) {
    case 'selectExpr': {
      const { value } = exprKind;
      return withKind(expression, 'selectExpr', { ...value, ...optional('operand', value.operand) });
    }
    case 'listExpr': {
      const { value } = exprKind;
      return withKind(expression, 'listExpr', { ...value, elements: value.elements.map(meterMacros) });
    }
    case 'structExpr': {
      const { value } = exprKind;
      const entries = value.entries.map((entry) => ({
        ...entry,
        ...(entry.keyKind.case === 'mapKey'
          ? { keyKind: { case: 'mapKey' as const, value: meterMacros(entry.keyKind.value) } }
          : {}),
        ...optional('value', entry.value),
      }));
      return withKind(expression, 'structExpr', { ...value, entries });
    }
    case 'callExpr': {
      const { value } = exprKind;
      const args = value.args.map(meterMacros);
      const appended = appendedEntry(value);
      if (appended !== undefined) {
        const [list] = args as [Expression];
        return call(expression, APPEND, [list, meterMacros(appended)]);
      }
      return withKind(expression, 'callExpr', { ...value, args, ...optional('target', value.target) });
    }
    case 'comprehensionExpr': {
      const { value } = exprKind;
      const parts = countParts(value.loopCondition) + countParts(value.loopStep);
      const steps = Math.max(1, Math.round(parts / PARTS_PER_STEP));
      const range = value.iterRange === undefined ? undefined : meterMacros(value.iterRange);
      return withKind(expression, 'comprehensionExpr', {
        ...value,
        ...(range === undefined ? {} : { iterRange: call(range, `${RANGE}${steps}`, [range]) }),
        ...optional('accuInit', value.accuInit),
        ...optional('loopCondition', value.loopCondition),
        ...optional('loopStep', value.loopStep),
        ...optional('result', value.result),
      });
    }
    default:
      return expression;
  }
}

/** Of `list + [entry]`, where the list is the one that a macro makes; its name is none that a condition can write. */
function appendedEntry({ function: name, args: [list, added] }: Kind<'callExpr'>): Expression | undefined {
  if (name !== '_+_' || list?.exprKind.case !== 'identExpr' || !list.exprKind.value.name.startsWith('@')) {
    return undefined;
  }
  return added?.exprKind.case === 'listExpr' ? added.exprKind.value.elements[0] : undefined;
}

/** The parts that are evaluated once for an entry; macros inside pay for what they visit. */
function countParts(expression: Expression | undefined): number {
  if (expression === undefined) return 0;
  return 1 + partsOf(expression).reduce((sum, part) => sum + countParts(part), 0);
}

function partsOf({ exprKind }: Expression): readonly (Expression | undefined)[] {
  switch (exprKind.case) {
    case 'selectExpr':
      return [exprKind.value.operand];
    case 'listExpr':
      return exprKind.value.elements;
    case 'structExpr':
      return exprKind.value.entries.flatMap(({ keyKind, value }) =>
        keyKind.case === 'mapKey' ? [keyKind.value, value] : [value],
      );
    case 'callExpr':
      return [exprKind.value.target, ...exprKind.value.args];
    case 'comprehensionExpr':
      return [exprKind.value.iterRange, exprKind.value.result];
    default:
      return [];
  }
}

function call(at: Expression, name: string, args: Expression[]): Expression {
  return withKind(at, 'callExpr', { $typeName: 'cel.expr.Expr.Call', function: name, args });
}

function withKind<C extends 'selectExpr' | 'listExpr' | 'structExpr' | 'callExpr' | 'comprehensionExpr'>(
  expression: Expression,
  kind: C,
  value: Kind<C>,
): Expression {
  return { ...expression, exprKind: { case: kind, value } as Expression['exprKind'] };
}

function optional<K extends string>(key: K, part: Expression | undefined): { [key in K]?: Expression } {
  return part === undefined ? {} : ({ [key]: meterMacros(part) } as { [key in K]: Expression });
}
