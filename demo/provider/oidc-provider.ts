import type * as OidcProvider from 'oidc-provider';

/** What `oidc-provider` says at every start and is meant so here: state in memory, and any supported Node release. */
const EXPECTED_WARNINGS = [/in-memory adapter/, /Unsupported runtime/];

/** Loads the provider library without its remark on Node releases that are not its own favourite. */
export async function loadOidcProvider(): Promise<typeof OidcProvider> {
  const restore = muteExpectedWarnings();
  try {
    return await import('oidc-provider');
  } finally {
    restore();
  }
}

/** Runs `start` without the warnings that a try-out means to ignore; any other warning is still printed. */
export function withoutStartupWarnings<T>(start: () => T): T {
  const restore = muteExpectedWarnings();
  try {
    return start();
  } finally {
    restore();
  }
}

function muteExpectedWarnings(): () => void {
  const { warn } = console;
  console.warn = (...args: unknown[]) => {
    if (!EXPECTED_WARNINGS.some((expected) => expected.test(String(args[0])))) warn(...args);
  };
  return () => {
    console.warn = warn;
  };
}
