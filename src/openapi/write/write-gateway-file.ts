import { NO_UPSTREAM } from '../../config/routes/no-upstream.ts';
import type { ApiDocument, IssuerHints } from '../document/api-document.ts';
import { type PlannedRoute, planRoutes } from './plan-routes.ts';
import { createRouteNamer, nameOf } from './route-names.ts';
import { comment, flowList, scalar } from './yaml-text.ts';

export interface WriteOptions {
  /** The name of an issuer that is in another file: only routes and their upstream are written then. */
  readonly issuer?: string | undefined;
  readonly upstream?: string | undefined;
}

export interface WrittenFile {
  readonly text: string;
  readonly routes: number;
  readonly operations: number;
  /** Operations that only have a comment. */
  readonly unwritten: number;
  /** Why, in the words of the first few. */
  readonly reasons: readonly string[];
}

/** Writes the gateway file of a document. The same document gives the same text. */
export function writeGatewayFile(document: ApiDocument, { issuer, upstream }: WriteOptions): WrittenFile {
  const plan = planRoutes(document, issuer);
  const nameRoute = createRouteNamer();
  const backend = upstreamName(document.title);
  const planned = plan.lines.filter((line) => line.kind === 'route');
  const routes = planned.filter(({ isGuard }) => !isGuard);
  const needsIssuer = issuer === undefined && planned.some(({ access }) => access.yaml !== 'public');
  const lines = [
    comment(`Routes of ${JSON.stringify(document.title ?? document.file)}, written by \`sealgate import\`.`),
    ...(issuer === undefined
      ? []
      : [comment(`For a file with the issuer \`${issuer}\`, which can \`include\` this one.`)]),
    ...(plan.unwritten.size > 0
      ? [
          comment(
            `${plan.unwritten.size} of what the document has is not written and stays closed: see "not written".`,
          ),
        ]
      : []),
    ...plan.remarks.map((remark) => comment(capital(`${remark}.`))),
    '',
    ...(needsIssuer ? issuerLines(document.issuers) : []),
    'upstreams:',
    `  ${backend}:`,
    `    url: ${upstream === undefined ? '${SEALGATE_UPSTREAM:-http://127.0.0.1:3000}' : scalar(upstream)}`,
    '',
    'routes:',
    ...plan.lines.flatMap((line) =>
      line.kind === 'route' ? routeLines(line, nameRoute(line), backend) : [`  ${comment(line.text)}`],
    ),
    '',
  ];
  const reasons = plan.lines
    .flatMap((line) => (line.kind === 'comment' && line.text.startsWith('not') ? line.text : []))
    .slice(0, 3);
  return {
    text: lines.join('\n'),
    routes: routes.length,
    operations: plan.operations,
    unwritten: plan.unwritten.size,
    reasons,
  };
}

function routeLines(
  { place: { host, path }, methods, access, isGuard }: PlannedRoute,
  name: string,
  upstream: string,
): readonly string[] {
  const remarks = access.remarks.length > 0 ? ` ${comment(access.remarks.join('; '))}` : '';
  return [
    `  - name: ${scalar(name)}`,
    ...(host === undefined ? [] : [`    host: ${scalar(host)}`]),
    `    path: ${scalar(path)}`,
    '    exact: true',
    ...(isGuard ? [] : [`    methods: ${flowList(methods)}`]),
    `    upstream: ${isGuard ? NO_UPSTREAM : upstream}`,
    `    access: ${access.yaml}${remarks}`,
  ];
}

function issuerLines({ issuers, origins }: IssuerHints): readonly string[] {
  const [first = origins[0]] = issuers;
  const others = [...issuers, ...origins].filter((url) => url !== first);
  const source =
    issuers.length > 0
      ? 'The exact `iss` of its tokens, by `openIdConnectUrl` of the document.'
      : origins.length > 0
        ? 'The exact `iss` of its tokens. The document has only the address of the token endpoint: check it.'
        : 'The exact `iss` of its tokens, which the document does not have: set SEALGATE_ISSUER, or write it here.';
  return [
    'issuers:',
    '  main:',
    `    ${comment(source)}`,
    ...(others.length > 0 ? [`    ${comment(`The document has others, too: ${others.join(', ')}`)}`] : []),
    `    issuer: \${SEALGATE_ISSUER:-${first ?? 'https://login.example.com'}}`,
    '    # Tokens made for another API are refused. One of these must be in `aud`.',
    '    audiences:',
    '      - ${SEALGATE_AUDIENCE:-https://api.example.com}',
    '',
  ];
}

function upstreamName(title: string | undefined): string {
  const name = nameOf((title ?? '').toLowerCase());
  // `none` is a keyword, and a number or a boolean would have to be quoted.
  return /^[a-z]/.test(name) && scalar(name) === name && name !== 'none' ? name : 'api';
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
