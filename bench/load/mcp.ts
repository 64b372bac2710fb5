/** The path of the MCP server. */
export const MCP_PATH = '/mcp';

/** A call of a tool as a client of the revision 2026-07-28 sends it: header lines and body. */
export function mcpCall(tool: string): string {
  const params = {
    name: tool,
    arguments: { text: 'tea' },
    _meta: {
      'io.modelcontextprotocol/protocolVersion': '2026-07-28',
      'io.modelcontextprotocol/clientInfo': { name: 'bench', version: '1.0.0' },
      'io.modelcontextprotocol/clientCapabilities': {},
    },
  };
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params });
  const lines = [
    'Accept: application/json, text/event-stream',
    'Content-Type: application/json',
    'MCP-Protocol-Version: 2026-07-28',
    'Mcp-Method: tools/call',
    `Mcp-Name: ${tool}`,
    `Content-Length: ${Buffer.byteLength(body)}`,
  ];
  return `${lines.join('\r\n')}\r\n\r\n${body}`;
}
