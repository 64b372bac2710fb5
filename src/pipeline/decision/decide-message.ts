import { after } from '../../core/after.ts';
import { isRefusal, type Refusal, refuse } from '../../core/refusals.ts';
import type { Trace } from '../../core/trace.ts';
import { passesInReportMode } from '../access/report-mode.ts';
import type { Decision } from '../gate.ts';
import { checkBodyHeader } from '../mcp/admit-request.ts';
import { authorizeMessage } from '../mcp/authorize-message.ts';
import { checkHeaderAgreement, statedVersion } from '../mcp/header-agreement.ts';
import { isMcpMethod, mirrorsBody } from '../mcp/mcp-vocabulary.ts';
import { type Message, readMessage } from '../mcp/read-message.ts';
import { isServedHere } from '../messages/direct-response.ts';
import { type McpPermit, type Permit, type PermittedMessage, permitMessage } from '../permit.ts';
import { exchangeToken, isToExchange } from './decide-exchange.ts';
import { isToProve, useProof } from './decide-proof.ts';

/** A permit of a route with `mcp`: for what it holds so far, and with the caller its messages are decided for. */
export type PermitForMessages = Permit & { readonly mcp: McpPermit };

export function isForMessages(permit: Permit): permit is PermitForMessages {
  return permit.mcp !== undefined;
}

export interface MessageDecision extends Decision {
  /** As far as it could be read. */
  readonly message?: PermittedMessage;
}

/** Whether the body of the permitted request is to be read and decided on; or why nothing of it is read. */
export function admitBody(permit: PermitForMessages, hasBody: boolean, trace?: Trace): boolean | Refusal {
  const { method } = permit.mcp.request;
  const refusal = checkBodyHeader({ method, passed: permit.headers.passed }, hasBody);
  if (refusal === undefined) return method === 'POST';
  trace?.add({ step: 'body', ok: false, got: refusal.reason });
  return withIssuer(permit, refusal);
}

/**
 * Decides on the message of a request whose access held. The permit that comes of it is for these bytes and no others. A promise only
 * where the replay store or a token for the backend must be waited for.
 */
export function decideMessage(
  permit: PermitForMessages,
  bytes: Buffer,
  trace?: Trace,
): MessageDecision | Promise<MessageDecision> {
  const decision = decideBytes(permit, bytes, trace);
  const { outcome } = decision;
  if (isRefusal(outcome) || isServedHere(outcome)) return decision;
  const proven = isToProve(outcome) ? useProof(decision, outcome, trace) : decision;
  return after(proven, (made) => exchangeForMessage(made, trace));
}

function exchangeForMessage(
  decision: MessageDecision,
  trace: Trace | undefined,
): MessageDecision | Promise<MessageDecision> {
  const { outcome } = decision;
  if (isRefusal(outcome) || isServedHere(outcome) || !isToExchange(outcome)) return decision;
  return after(exchangeToken(outcome, trace), (exchanged) => ({ ...decision, outcome: exchanged }));
}

function decideBytes(permit: PermitForMessages, bytes: Buffer, trace: Trace | undefined): MessageDecision {
  const { route, mcp, token } = permit;
  const refused = (step: string, refusal: Refusal): Decision => {
    trace?.add({ step, ok: false, got: refusal.reason });
    return { route, outcome: withIssuer(permit, refusal) };
  };
  // 8. Read the message
  const message = readMessage(bytes);
  if (isRefusal(message)) return refused('message', message);
  const described = describe(message, bytes);
  const unasked = refuseUnasked(message, permit);
  if (unasked !== undefined) return { ...refused('message', unasked), message: described };
  trace?.add({ step: 'message', ok: true, got: described.method ?? message.kind });

  // 9. Compare the header with it
  const mismatch = checkHeaderAgreement(permit.headers.passed, message);
  if (mismatch !== undefined) return { ...refused('agreement', mismatch), message: described };
  trace?.add({ step: 'agreement', ok: true, got: 'the header agrees with the message' });

  // 10. Authorize it; in report mode what only the rules refuse passes
  const refusal = authorizeMessage(
    mcp.rules,
    message,
    { token, request: mcp.request, access: route.access },
    trace,
  );
  if (refusal === undefined)
    return { route, outcome: permitMessage(permit, described, undefined), message: described };
  if (!route.reportsOnly || !passesInReportMode(refusal))
    return { route, outcome: withIssuer(permit, refusal), message: described };
  trace?.add({ step: 'mode', ok: true, expected: 'report', got: `would be ${refusal.code}` });
  const isFirst = permit.wouldRefuse === undefined && route.exposesReports;
  return {
    route,
    outcome: permitMessage(permit, described, refusal),
    message: described,
    ...(isFirst && { addedHeaders: ['x-sealgate-would-refuse', refusal.code] }),
  };
}

/** From 2026-07-28 on servers ask for nothing that a client would respond to. */
function refuseUnasked({ kind }: Message, { headers }: Permit): Refusal | undefined {
  return kind === 'response' && mirrorsBody(statedVersion(headers.passed))
    ? refuse('mcp_response', 'this version of MCP has no responses of clients')
    : undefined;
}

function describe({ method }: Message, bytes: Buffer): PermittedMessage {
  return { bytes, method: method !== undefined && isMcpMethod(method) ? method : undefined };
}

function withIssuer({ token }: Permit, refusal: Refusal): Refusal {
  return token === undefined || refusal.issuer !== undefined ? refusal : { ...refusal, issuer: token.issuer };
}
