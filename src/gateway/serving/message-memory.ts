import { MCP_MEMORY_BYTES } from '../../config/mcp/mcp-methods.ts';

/** Counts the memory of messages that were read whole or in part and have not been sent on yet. */
export interface MessageMemory {
  /** False where there is not that much left; nothing is acquired then. */
  acquire(bytes: number): boolean;
  release(bytes: number): void;
}

export function createMessageMemory(maxBytes = MCP_MEMORY_BYTES): MessageMemory & { readonly used: number } {
  let used = 0;
  return {
    get used() {
      return used;
    },
    acquire(bytes) {
      if (used + bytes > maxBytes) return false;
      used += bytes;
      return true;
    },
    release(bytes) {
      used -= bytes;
    },
  };
}
