import type { Route } from '../pipeline/route.ts';
import { type Caller, leastCallers } from './callers.ts';
import { callersWithValues } from './conditions/condition-values.ts';
import { compareKeys, type KeyChange } from './keys/compare-keys.ts';
import { changedHeaders, learntClaims, needsOfIdentity, withClaims, withMore } from './known-claims.ts';
import { type SampleMessage, sampleMessages } from './messages/sample-messages.ts';
import type { RequestClass, SampleRequest } from './request-classes.ts';
import { blocksOf, factsOf, type RouteFacts } from './route-facts.ts';
import type { Side } from './side.ts';
import { createTrial, type Outcome, type Question } from './trial.ts';

/** How two routes differ for the requests that one file gives to the one and the other file to the other. */
export interface RouteDifference {
  readonly callers: readonly CallerDifference[];
  readonly keys: readonly KeyChange[];
  /** Why not all callers were compared; empty where they were. */
  readonly doubts: readonly string[];
}

export interface CallerDifference {
  readonly kind: 'gains' | 'loses' | 'identity';
  readonly caller: Caller;
  /** Where it concerns some messages to an MCP server, one that stands for them. */
  readonly message?: SampleMessage | undefined;
  readonly outcomes: readonly [Outcome, Outcome];
  /** False for headers that a backend gets since its route is no longer public: that is what closing it means. */
  readonly isCounted?: boolean;
  /** The caller with values for which the conditions of both files decide like that; undefined where none was found. */
  readonly example: Caller | undefined;
}

const NO_DIFFERENCE: RouteDifference = { callers: [], keys: [], doubts: [] };

/** Compares routes; those that do the same under other names are compared once. */
export function createRouteComparison(sides: readonly [Side, Side]) {
  const trial = createTrial(sides);
  const facts = new Map<Route, RouteFacts>();
  const known = new Map<string, Promise<RouteDifference>>();

  function factsAt(route: Route | undefined, at: 0 | 1): RouteFacts | undefined {
    if (route === undefined) return undefined;
    const found = facts.get(route) ?? factsOf(route, sides[at]);
    facts.set(route, found);
    return found;
  }

  return {
    compare({ routes, requests }: RequestClass): Promise<RouteDifference> {
      const both = [factsAt(routes[0], 0), factsAt(routes[1], 1)] as const;
      const texts = both.map((one) => JSON.stringify(one ?? null));
      if (texts[0] === texts[1]) return Promise.resolve(NO_DIFFERENCE);
      // A message comes with POST.
      const request = requests.find(({ method }) => method === 'POST') ?? (requests[0] as SampleRequest);
      const key = [...texts, request.method === 'POST'].join('\n');
      const found = known.get(key) ?? differ(routes, both, request);
      known.set(key, found);
      return found;
    },
  };

  async function differ(
    routes: RequestClass['routes'],
    facts: readonly [RouteFacts | undefined, RouteFacts | undefined],
    request: SampleRequest,
  ): Promise<RouteDifference> {
    const [older, newer] = facts;
    const keys = older === undefined || newer === undefined ? [] : compareKeys(older, newer);
    const isAlike = (key: 'access' | 'identity' | 'messages'): boolean => older?.[key] === newer?.[key];
    if (isAlike('access') && isAlike('identity') && isAlike('messages'))
      return { callers: [], keys, doubts: [] };
    const isBindingCompared = routes.some((route) =>
      route?.access.blocks.some(({ bindings }) => bindings.length > 0),
    );
    const comparesIdentity = !isAlike('identity') || routes[0]?.access.token !== routes[1]?.access.token;
    const differences: CallerDifference[] = [];
    const doubts = new Set<string>();
    const seen = new Set<string>();
    await compareOperation(undefined);
    for (const message of messagesToCompare()) await compareOperation(message);
    return { callers: differences, keys: [...keys, ...unseenHeaders()], doubts: [...doubts] };

    function messagesToCompare(): readonly SampleMessage[] {
      const [before, after] = routes.map((route) => route?.mcp);
      if (before === undefined || after === undefined || request.method !== 'POST') return [];
      const found = sampleMessages([before, after]);
      for (const doubt of found.doubts) doubts.add(doubt);
      return found.messages;
    }

    /** Compares all requests, or those with one message. */
    async function compareOperation(message: SampleMessage | undefined): Promise<void> {
      for (const by of [0, 1] as const) {
        const route = routes[by];
        const rules = message?.rules[by] ?? [];
        if (route === undefined || (rules === 'deny' && !route.reportsOnly)) continue;
        const further = rules === 'deny' ? [] : rules.flatMap(({ blocks }) => blocks);
        const asked = { route, side: sides[by], further, isBindingCompared };
        const { callers, isComplete } = leastCallers(asked);
        if (!isComplete) doubts.add('too many kinds of callers to compare all');
        for (const least of callers) {
          const caller = withClaims(least, needsOfIdentity(route, sides[by]), sides[by]);
          await compareCaller({ caller, by, request: withMessage(request, message) }, route, message);
          const more = withMore(caller, routes, sides);
          if (more !== undefined)
            await compareVariant({ caller: more, by, request: withMessage(request, message) }, message);
        }
      }
    }

    async function compareCaller(
      question: Question,
      route: Route,
      message: SampleMessage | undefined,
    ): Promise<void> {
      const { caller, by } = question;
      const text = JSON.stringify([caller, message?.text]);
      if (seen.has(text)) return;
      seen.add(text);
      const outcomes = await trial.ask(question);
      const own = outcomes[by].code;
      if (own !== 'allow') {
        if (!isForeignBinding(caller, sides[by]))
          doubts.add(`a caller that ${route.name} should let in gets ${own}`);
      } else if (outcomes[0].code !== outcomes[1].code) await addDifference(question, outcomes, message);
      else if (comparesIdentity && message === undefined) differences.push(...(await identityOf(question)));
    }

    /** Rules that ask for a claim as a whole may refuse who has more; where all rules ask for more, this changes nothing. */
    async function compareVariant(question: Question, message: SampleMessage | undefined): Promise<void> {
      const outcomes = await trial.ask(question);
      const isDifferent = outcomes[question.by].code === 'allow' && outcomes[0].code !== outcomes[1].code;
      if (isDifferent) await addDifference(question, outcomes, message);
    }

    async function addDifference(
      question: Question,
      outcomes: CallerDifference['outcomes'],
      message: SampleMessage | undefined,
    ): Promise<void> {
      const { caller, by } = question;
      if (message !== undefined) {
        // Who may not even send a request is reported already.
        const plain = await trial.ask({ ...question, request });
        if (plain[0].code !== plain[1].code) return;
      }
      const example = await exampleOf(question, outcomes);
      differences.push({ kind: by === 0 ? 'loses' : 'gains', caller, message, outcomes, example });
    }

    /** Files without conditions decide on the caller as it is. */
    async function exampleOf(
      { caller, by, request: asked }: Question,
      outcomes: CallerDifference['outcomes'],
    ): Promise<Caller | undefined> {
      const sources = routes.flatMap((route) => (route === undefined ? [] : conditionsOf(route)));
      if (sources.length === 0) return caller;
      const wanted = outcomes.map(({ code }) => code === 'allow').join();
      for (const example of [caller, ...callersWithValues(caller, sources, asked)]) {
        const exact = await trial.askExactly({ caller: example, by, request: asked });
        if (exact.map(({ code }) => code === 'allow').join() === wanted) return example;
      }
      return undefined;
    }

    /** What backends learn of a caller that has everything they could learn. */
    async function identityOf({ caller, by }: Question): Promise<readonly CallerDifference[]> {
      if (caller.token === undefined) return [];
      const claims = routes.flatMap((route, at) =>
        route === undefined ? [] : learntClaims(route, sides[at as 0 | 1]),
      );
      const rich = withClaims(caller, claims, sides[by]);
      const outcomes = await trial.ask({ caller: rich, by, request });
      const texts = outcomes.map(({ code, identity }) =>
        JSON.stringify([code, Object.entries(identity).sort()]),
      );
      if (texts[0] === texts[1]) return [];
      const example = rich.token?.conditions.length === 0 ? rich : undefined;
      const [before, after] = routes.map((route) => route?.access.token);
      const isCounted = before !== 'public' || after !== 'required';
      return [{ kind: 'identity', caller: rich, outcomes, isCounted, example }];
    }

    /** Headers that are made in another way, where no caller of the comparison shows a difference. */
    function unseenHeaders(): readonly KeyChange[] {
      if (isAlike('identity') || routes.some((route) => (route?.access.token ?? 'public') === 'public'))
        return [];
      const seenHeaders = differences.flatMap(({ kind, outcomes: [before, after] }) =>
        kind !== 'identity'
          ? []
          : [...Object.keys(before.identity), ...Object.keys(after.identity)].filter(
              (name) => before.identity[name] !== after.identity[name],
            ),
      );
      const changed = changedHeaders(routes as readonly [Route, Route], sides);
      const isUnseen = changed.some((name) => !seenHeaders.includes(name));
      return isUnseen ? [{ key: 'identity', effect: 'unclear' }] : [];
    }
  }
}

function withMessage(request: SampleRequest, message: SampleMessage | undefined): SampleRequest {
  return message === undefined ? request : { ...request, message };
}

/** A bound token of an issuer that accepts none is no caller of any route. */
function isForeignBinding({ token }: Caller, { issuers, config: { listen } }: Side): boolean {
  if (token?.bound === undefined) return false;
  if (token.bound === 'dpop') return issuers.get(token.iss)?.compiled.dpop === undefined;
  return listen.tls?.clientCa === undefined && listen.clientCertHeader === undefined;
}

function conditionsOf(route: Route): readonly string[] {
  return blocksOf(route).flatMap(({ conditions }) => conditions.map(({ source }) => source));
}
