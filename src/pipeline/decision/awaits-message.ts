import type { Permit } from '../permit.ts';

/** Whether a message is still to be read and decided on before anything is done for the request. */
export function awaitsMessage({ mcp }: Permit): boolean {
  return mcp !== undefined && mcp.message === undefined && mcp.request.method === 'POST';
}
