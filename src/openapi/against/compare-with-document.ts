import type { ConfigPath, Position, Severity } from '../../config/problem.ts';
import { isForDecisionsOnly } from '../../config/routes/no-upstream.ts';
import { type Caller, leastCallers } from '../../diff/callers.ts';
import { compileSides, type Side, type ValidFile } from '../../diff/side.ts';
import { createTrial } from '../../diff/trial.ts';
import { decide } from '../../pipeline/decision/decide.ts';
import type { Route } from '../../pipeline/route.ts';
import { toRequestFacts } from '../../simulate/simulate.ts';
import { type ApiDocument, type Operation, type Security, whatOf } from '../document/api-document.ts';
import { planRoutes } from '../write/plan-routes.ts';
import { describeAlternative, describeSecurity, letsIn } from './document-access.ts';
import { createSampler, type OperationRequest } from './sample-requests.ts';

/** Where a file and a document differ. */
export interface Discrepancy {
  readonly severity: Severity;
  /** In the file. */
  readonly path: ConfigPath;
  /** In the document. */
  readonly place: Position;
  readonly message: string;
  readonly hint?: string;
}

type Finding = Pick<Discrepancy, 'severity' | 'message' | 'hint'>;

/** What differs between the routes of a file and the operations of a document. The gate of the file decides on real requests. */
export async function compareFileWithDocument(
  file: ValidFile,
  document: ApiDocument,
  env: Readonly<Record<string, string | undefined>>,
): Promise<readonly Discrepancy[]> {
  const [side] = await compileSides([file], env);
  try {
    return await compareSide(side as Side, document);
  } finally {
    side?.close();
  }
}

async function compareSide(side: Side, document: ApiDocument): Promise<readonly Discrepancy[]> {
  const sample = createSampler(document, side.config);
  const { unwritten } = planRoutes(document, undefined);
  const compare = createRouteComparison(side);
  const found: Discrepancy[] = [];
  for (const operation of document.entries) {
    if (operation.kind === 'gap') continue;
    const { method, place } = operation;
    const what = whatOf(operation);
    const seen = new Set<string>();
    let isTaken = false;
    for (const request of sample(operation)) {
      const route = await routeOf(method, request, side);
      if (route === undefined) continue;
      isTaken = true;
      for (const { message, ...finding } of await compare(route, operation, request)) {
        const index = side.config.routes.indexOf(route.config);
        const key = `${index} ${message}`;
        if (seen.has(key)) continue;
        seen.add(key);
        const shown = request.isNamed ? `${what} (as in ${request.target})` : what;
        found.push({ ...finding, path: ['routes', index, 'access'], place, message: `${shown} ${message}` });
      }
    }
    if (isTaken) continue;
    const path: ConfigPath = ['routes'];
    found.push(
      unwritten.has(operation)
        ? { severity: 'note', path, place, message: `no route takes ${what}, which cannot be written as one` }
        : { severity: 'warning', path, place, message: `no route takes ${what}` },
    );
  }
  return found;
}

async function routeOf(
  method: string,
  { host, target }: OperationRequest,
  { gate, config }: Side,
): Promise<Route | undefined> {
  const { route } = await decide(gate, toRequestFacts({ method, host, target }, config));
  const isClosed = route !== undefined && isForDecisionsOnly(route.config) && config.decisions === undefined;
  return isClosed ? undefined : route;
}

/** Compares the callers that a route lets in with those of the document; the same question is asked once. */
function createRouteComparison(side: Side) {
  const trial = createTrial([side, side]);
  const known = new Map<string, Promise<readonly Finding[]>>();

  return (route: Route, { method, security }: Operation, request: OperationRequest) => {
    const key = JSON.stringify([route.config.name, security]);
    const found = known.get(key) ?? compare(route, security, { ...request, method });
    known.set(key, found);
    return found;
  };

  async function compare(
    route: Route,
    security: Security,
    request: OperationRequest & { readonly method: string },
  ): Promise<readonly Finding[]> {
    const codeOf = async (caller: Caller): Promise<string> => {
      const { method, host, target } = request;
      const asked = { method, methods: method, host, isAnyHost: false, target, path: target };
      const [{ code }] = await trial.ask({ caller, by: 0, request: asked });
      return code;
    };
    const { callers } = leastCallers({ route, side, isBindingCompared: false });
    const isUnsayable = security.kind === 'rules' && security.alternatives.length === 0;
    const findings: Finding[] = [];
    for (const caller of callers) {
      if (letsIn(security, caller) || (isUnsayable && caller.token !== undefined)) continue;
      if ((await codeOf(caller)) === 'allow') findings.push(widerFinding(caller, security, isUnsayable));
      // One is enough: others of the same route have another claim or audience.
      if (findings.length > 0) break;
    }
    return [...findings, ...(await narrowerFindings(callers, security, codeOf))];
  }
}

function widerFinding({ token }: Caller, security: Security, isUnsayable: boolean): Finding {
  const who = token === undefined ? 'lets in everyone' : `lets in ${describeAlternative(token)}`;
  const silent = security.kind === 'silent';
  return {
    severity: isUnsayable && !(security.kind === 'rules' && security.allowsAnonymous) ? 'note' : 'warning',
    message: `is wider open here: the route ${who}, and the document ${describeSecurity(security)}`,
    ...(silent && { hint: 'write `security: []` in the document if it is meant to be public' }),
  };
}

async function narrowerFindings(
  callers: readonly Caller[],
  security: Security,
  codeOf: (caller: Caller) => Promise<string>,
): Promise<readonly Finding[]> {
  const letsEveryoneIn = callers.some(({ token }) => token === undefined);
  if (letsEveryoneIn || security.kind === 'silent') return [];
  const asked = [
    ...new Set(callers.flatMap(({ token }) => (token === undefined ? [] : describeAlternative(token)))),
  ];
  const route = `the route asks for ${asked.join(', or ')}`;
  if (security.kind === 'public' || security.allowsAnonymous) {
    return [
      { severity: 'warning', message: `asks for more here: ${route}, and the document lets in everyone` },
    ];
  }
  const findings: Finding[] = [];
  for (const alternative of security.alternatives) {
    // A bearer scheme has no scopes to name.
    if (!alternative.namesScopes) continue;
    const { scopes } = alternative;
    const codes = new Set<string>();
    for (const { token } of callers) {
      if (token === undefined) continue;
      const roles = [...new Set([...token.roles, ...alternative.roles])];
      codes.add(await codeOf({ token: { ...token, scopes, roles } }));
      if (codes.has('allow')) break;
    }
    if (codes.has('allow') || !codes.has('insufficient_scope')) continue;
    findings.push({
      severity: 'warning',
      message: `asks for other scopes here: ${route}, and the document for ${describeAlternative(alternative)}`,
    });
  }
  return findings;
}
