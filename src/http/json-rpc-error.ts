import type { Cause } from '../core/causes.ts';
import { REFUSALS, type Refusal, type RefusalCode } from '../core/refusals.ts';

/** The codes of JSON-RPC 2.0 §5.1 and of MCP. All other refusals have their HTTP status. */
const PARSE_ERROR = -32_700;
const INVALID_REQUEST = -32_600;
const HEADER_MISMATCH = -32_020;
const BY_CODE: Partial<Readonly<Record<RefusalCode, number>>> = {
  mcp_invalid: INVALID_REQUEST,
  mcp_mismatch: HEADER_MISMATCH,
};
const BY_CAUSE: Partial<Readonly<Record<Cause, number>>> = { mcp_not_json: PARSE_ERROR };

/**
 * Renders a refusal as the JSON-RPC error that a message gets in response, with one character for each byte. `id` is that of the message
 * as JSON; of what is not JSON there is none.
 */
export function renderJsonRpcError({ cause, code }: Refusal, requestId: string, id: string): string {
  const { status, title } = REFUSALS[code];
  const number = BY_CAUSE[cause] ?? BY_CODE[code] ?? status;
  const data = `{"code":"${code}","requestId":"${requestId}"}`;
  const shownId = number === PARSE_ERROR ? 'null' : id;
  const text = `{"jsonrpc":"2.0","id":${shownId},"error":{"code":${number},"message":"${title}","data":${data}}}\n`;
  return Buffer.from(text).toString('latin1');
}
