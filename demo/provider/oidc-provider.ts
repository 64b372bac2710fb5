import type * as OidcProvider from 'oidc-provider';

/** Warnings of `oidc-provider` at every start about what is intended here: state in memory, and any supported Node release. */
const EXPECTED_WARNINGS = [/in-memory adapter/, /Unsupported runtime/];

/** Loads the provider library without its warning about other Node releases. */
export async function loadOidcProvider(): Promise<typeof OidcProvider> {
  const restore = muteExpectedWarnings();
  try {
    return await import('oidc-provider');
  } finally {
    restore();
  }
}

/** Runs `start` without the warnings that the demo ignores; any other warning is still printed. */
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
