import type { EventStore, JSONRPCMessage } from '@modelcontextprotocol/server';

/** Keeps the events of all streams, in the order in which they came. */
export function createEventStore(): EventStore {
  const events: { readonly streamId: string; readonly message: JSONRPCMessage }[] = [];
  return {
    storeEvent: async (streamId, message) => String(events.push({ streamId, message })),
    getStreamIdForEventId: async (id) => events[Number(id) - 1]?.streamId,
    replayEventsAfter: async (lastId, { send }) => {
      const streamId = events[Number(lastId) - 1]?.streamId ?? '';
      for (const [index, event] of events.entries())
        if (index >= Number(lastId) && event.streamId === streamId && 'jsonrpc' in event.message)
          await send(String(index + 1), event.message);
      return streamId;
    },
  };
}
